/**
 * <chart-series data-label>: a chart of numbers over time. Its server puts a picture (`.chart__still`) and the numbers
 * (JSON) into it; where the library is there, it is drawn with it instead: a point under the pointer, or under the arrow
 * keys, says what it is. Where it is not, the picture stays.
 */

import { ChartLook, onColours } from "../lib/chart_look.js";
import { options } from "../lib/chart_options.js";
import { columns, said } from "../lib/charts.js";
import { element, one, setText } from "../lib/dom.js";
import { LiveElement } from "./live_element.js";

/** @typedef {import("../lib/chart_options.js").Library} Library @typedef {import("../lib/chart_options.js").Plot} Plot */

/** @type {Promise<Library|null>|null} */
let library = null;
/** The map of the page names it only where the server has it (docs/decisions/0027). Null: it is not here. */
const load = () => (library ??= import("uplot").then((module) => module.default, () => null));

const NOWHERE = { left: -10, top: -10 };

export class ChartSeries extends LiveElement {
  /** @type {import("../lib/charts.js").Chart} */
  #chart;
  /** @type {Plot|null} */
  #plot = null;
  /** @type {number|null} */
  #place = null;

  async connectedCallback() {
    const found = await load();
    if (found && this.isConnected && !this.#plot) this.#draw(found);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#plot?.destroy();
    this.#plot = null;
    this.querySelectorAll(".chart__drawn, .chart__probe").forEach((node) => node.remove());
    delete this.dataset.drawn;
  }

  /** Go on with the picture and the numbers of a fresh one. @param {Element} fresh */
  renew(fresh) {
    for (const part of [".chart__still", "script"]) one(this, part).replaceWith(one(fresh, part));
    if (!this.#plot) return;
    const before = this.#shape;
    this.#read();
    if (this.#shape === before) {
      this.#plot.setData(columns(this.#chart));
      this.#say();
    } else {
      this.disconnectedCallback();
      this.connectedCallback();
    }
  }

  #read() {
    this.#chart = JSON.parse(one(this, "script").textContent ?? "");
  }

  get #shape() {
    const { kind, unit, series } = this.#chart;
    return JSON.stringify([kind, unit, series.map(({ name, tone }) => [name, tone])]);
  }

  /** @param {Library} found */
  #draw(found) {
    this.#read();
    this.dataset.drawn = "";
    const canvas = element("div", { class: "chart__plot" });
    this.append(element("div", { class: "chart__drawn" }, element("p", { class: "chart__said", "aria-hidden": "true" }), canvas));
    const look = new ChartLook(this);
    const size = () => ({ width: Math.max(1, canvas.clientWidth), height: Math.max(1, canvas.clientHeight) });
    const described = options(found, () => this.#chart, look, (place) => this.#pointed(place));
    const plot = new found({ ...described, ...size() }, columns(this.#chart), canvas);
    this.#plot = plot;
    const observer = new ResizeObserver(() => plot.setSize(size()));
    observer.observe(canvas);
    this.until(() => observer.disconnect());
    this.until(onColours(() => plot.redraw(false)));
    this.#listen(plot);
  }

  /** @param {Plot} plot */
  #listen(plot) {
    const listening = new AbortController();
    const { signal } = listening;
    this.until(() => listening.abort());
    this.addEventListener("keydown", (event) => this.#key(event, plot), { signal });
    this.addEventListener("focus", () => this.matches(":focus-visible") && this.#go(plot, this.#last), { signal });
    this.addEventListener("blur", () => plot.setCursor(NOWHERE), { signal });
    const role = { role: "slider", tabindex: "0", "aria-label": this.dataset.label ?? "", "aria-valuemin": "0" };
    for (const [name, value] of Object.entries(role)) this.setAttribute(name, value);
    this.#say();
  }

  get #last() {
    return this.#chart.x.length - 1;
  }

  /** @param {KeyboardEvent} event @param {Plot} plot */
  #key(event, plot) {
    const place = this.#place ?? this.#last;
    const places = new Map([["ArrowLeft", place - 1], ["ArrowRight", place + 1], ["Home", 0], ["End", this.#last]]);
    const wanted = places.get(event.key);
    if (wanted === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // the page has a meaning of its own for some of them
    this.#go(plot, Math.min(this.#last, Math.max(0, wanted)));
  }

  /** @param {Plot} plot @param {number} place */
  #go(plot, place) {
    plot.setCursor({ left: plot.valToPos(this.#chart.x[place], "x"), top: 0 });
  }

  /** @param {number|null} place */
  #pointed(place) {
    this.#place = place;
    this.#say();
  }

  /** Of the point that is pointed at; for the ears of the last one, before any was. */
  #say() {
    const place = this.#place === null ? null : Math.min(this.#place, this.#last);
    setText(one(this, ".chart__said"), place === null ? "" : said(this.#chart, place));
    this.setAttribute("aria-valuemax", String(this.#last));
    this.setAttribute("aria-valuenow", String(place ?? this.#last));
    this.setAttribute("aria-valuetext", said(this.#chart, place ?? this.#last));
  }
}
