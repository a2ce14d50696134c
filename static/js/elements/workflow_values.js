/**
 * <workflow-values data-curve data-readers data-history>: the current value of every key and how often it was set, which leads to
 * these events; a change shows old and new side by side for a moment.
 * A number has a small line of its last ones, which leads to all of them at the address `data-curve`.
 */

import { curveLine, numberOf } from "../lib/charts.js";
import { element, flash, one, setText, svgElement } from "../lib/dom.js";
import { brief, grouped, setsTold } from "../lib/values.js";
import { LiveElement } from "./live_element.js";

const WAS_MS = 2_000;
const VALUE_LENGTH = 2_000;
const SHORT = 40;
const RECENT = 60;
const LINE = { class: "sparkline tone", "data-status": "running", viewBox: "0 0 120 28", preserveAspectRatio: "none", "aria-hidden": "true" };

/** @typedef {import("../live/protocol.js").State["values"]} Values */

export class WorkflowValues extends LiveElement {
  /** @type {Map<string, number>} */
  #timers = new Map();
  /** When each key changed last: what changes all the time must not glow all the time. @type {Map<string, number>} */
  #changedAt = new Map();
  /** The last numbers of each key. @type {Map<string, number[]>} */
  #numbers = new Map();

  /** @param {import("./live_element.js").WorkflowPage} page */
  follow({ store }) {
    this.release();
    for (const link of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-numbers]"))) {
      const key = /** @type {HTMLElement} */ (link.closest("tr")).dataset.key ?? "";
      this.#numbers.set(key, JSON.parse(link.dataset.numbers ?? "[]"));
    }
    this.until(store.subscribe((change) => this.#changed(change, store.state.values)));
    this.until(() => this.#timers.forEach(clearTimeout));
    const listening = new AbortController();
    this.addEventListener("click", (event) => this.#clicked(event), { signal: listening.signal });
    this.until(() => listening.abort());
  }

  /** The whole value, as it is stored, in a line of its own. @param {MouseEvent} event */
  #clicked(event) {
    const link = /** @type {HTMLAnchorElement|null} */ (/** @type {Element} */ (event.target).closest("a.values__open"));
    const row = link?.closest("tr");
    if (!link || !row || event.ctrlKey || event.metaKey || event.shiftKey) return undefined;
    event.preventDefault();
    const shown = wholeOf(row);
    link.setAttribute("aria-expanded", String(!shown));
    if (shown) return shown.remove();
    const viewer = element("json-viewer", { "data-src": `${link.href}&view=tree` });
    return row.after(element("tr", { class: "values__whole" }, element("td", { colspan: "5" }, viewer)));
  }

  /** @param {import("../live/fold.js").Change} change @param {Values} values */
  #changed({ keys, kind, events }, values) {
    if (kind === "snapshot") {
      this.#dropMissing(values);
      this.#numbers.clear();
    }
    this.#remember(events);
    for (const key of keys) this.#paint(key, values[key]);
  }

  /** @param {import("../live/protocol.js").WireEvent[]} events */
  #remember(events) {
    for (const [, , kind, , key, data] of events) {
      const number = kind === "value_set" ? numberOf(data.value) : null;
      if (key && number !== null) this.#numbers.set(key, [...(this.#numbers.get(key) ?? []), number].slice(-RECENT));
    }
  }

  /** @returns {HTMLElement[]} */
  get #rows() {
    return [...this.querySelectorAll("tr[data-key]")].map((row) => /** @type {HTMLElement} */ (row));
  }

  /** @param {Values} values */
  #dropMissing(values) {
    for (const row of this.#rows) {
      if (Object.hasOwn(values, row.dataset.key ?? "")) continue;
      wholeOf(row)?.remove();
      row.remove();
    }
  }

  /** @param {string} key @param {Values[string]} value */
  #paint(key, { value, at, sets }) {
    const row = this.querySelector(`tr[data-key="${CSS.escape(key)}"]`) ?? this.#insert(key);
    const text = brief(value, VALUE_LENGTH);
    this.#paintCurve(one(row, ".values__curve"), key, numberOf(value));
    this.#paintSets(one(row, ".values__sets a"), key, sets);
    one(row, "time-ago").setAttribute("datetime", at);
    const cell = one(row, ".values__value");
    const now = cell.querySelector(".values__now") ?? wrap(cell);
    const old = now.textContent;
    if (!setText(now, text)) return;
    const calm = Date.now() - (this.#changedAt.get(key) ?? 0) > WAS_MS;
    this.#changedAt.set(key, Date.now());
    if (!calm) return;
    flash(row);
    this.#showOld(key, cell, old, text);
  }

  /** @param {HTMLElement} link @param {string} key @param {number} sets */
  #paintSets(link, key, sets) {
    if (!setText(link, `${grouped(sets)}×`)) return;
    link.title = setsTold(sets);
    link.setAttribute("aria-label", `${key}: ${link.title}`);
  }

  /** @param {Element} cell @param {string} key @param {number|null} number */
  #paintCurve(cell, key, number) {
    if (number === null) return cell.replaceChildren();
    if (!cell.firstElementChild) cell.append(this.#curve(key));
    return one(cell, "polyline", SVGElement).setAttribute("points", curveLine(this.#numbers.get(key) ?? [number]));
  }

  /** @param {string} key */
  #curve(key) {
    const svg = svgElement("svg", LINE);
    svg.append(svgElement("polyline", { class: "sparkline__line" }));
    const link = element("a", { href: `${this.dataset.curve}?key=${encodeURIComponent(key)}`, "aria-label": `${key} over time` });
    link.append(svg);
    return link;
  }

  /**
   * Only what the eye can take in; long and fast values just flash.
   * @param {string} key @param {Element} cell @param {string|null} old @param {string} text
   */
  #showOld(key, cell, old, text) {
    cell.querySelector(".values__was")?.remove();
    clearTimeout(this.#timers.get(key));
    if (!old || old.length > SHORT || text.length > SHORT) return;
    const was = element("del", { class: "values__was", "aria-hidden": "true" }, old);
    cell.prepend(was);
    this.#timers.set(key, setTimeout(() => was.remove(), WAS_MS));
  }

  /** @param {string} key */
  #link(key) {
    const href = `${this.dataset.payloads}?of=value&key=${encodeURIComponent(key)}`;
    const title = "All of it, as it is stored";
    return element("a", { class: "values__open of-now", href, "aria-label": `All of ${key}`, title });
  }

  /** Who reads it, where that is declared. @param {string} key */
  #readers(key) {
    /** @type {Record<string, [string, string]>} */
    const known = JSON.parse(this.dataset.readers ?? "{}");
    if (!Object.hasOwn(known, key)) return [];
    const [word, title] = known[key];
    return [element("span", { class: "values__readers", title }, word)];
  }

  /** @param {string} key */
  #insert(key) {
    const row = element(
      "tr",
      { "data-key": key },
      element("th", { scope: "row" }, key, ...this.#readers(key)),
      element("td", { class: "values__value" }),
      element("td", { class: "values__curve" }),
      element("td", { class: "values__sets" }, element("a", { href: `${this.dataset.history}?kind=value_set&key=${encodeURIComponent(key)}#history` })),
      element("td", { class: "values__at" }, element("time-ago", { tabindex: "0" }), this.#link(key)),
    );
    const after = this.#rows.find((known) => (known.dataset.key ?? "") > key);
    one(this, "tbody").insertBefore(row, after ?? null);
    one(this, ".panel__empty").hidden = true;
    return row;
  }
}

/** @param {Element} cell */
function wrap(cell) {
  const now = element("span", { class: "values__now" }, cell.textContent ?? "");
  cell.replaceChildren(now);
  return now;
}

/** The line in which all of a value is shown, if it is. @param {Element} row */
function wholeOf(row) {
  return row.nextElementSibling?.matches(".values__whole") ? row.nextElementSibling : null;
}
