/**
 * <workflow-history>: new events on top while the reader is at the top; otherwise they wait behind a pill and nothing
 * moves under the reader's eyes. An earlier part (`data-paged`) stays as it is.
 */

import { element, setText } from "../lib/dom.js";
import { row as historyRow } from "../lib/history.js";
import { absolute, timeOfDay } from "../lib/times.js";
import { LiveElement } from "./live_element.js";

const MOST_ROWS = 500;

/** @typedef {import("../live/protocol.js").WireEvent} WireEvent @typedef {import("../live/protocol.js").State} State */
/** @typedef {import("../lib/history.js").HistoryRow} HistoryRow @typedef {import("../live/fold.js").Change} Change */

export class WorkflowHistory extends LiveElement {
  /** The value of every key before the event that comes next. @type {Map<string|null, {value: unknown}>} */
  #before = new Map();
  /** @type {HistoryRow[]} */
  #waiting = [];

  /** @param {import("./live_element.js").WorkflowPage} page */
  follow({ store }) {
    this.release();
    this.#remember(store.state.values);
    this.until(store.subscribe((change) => this.#changed(change, store)));
    const listening = new AbortController();
    const { signal } = listening;
    this.#scroll.addEventListener("scroll", () => this.#atTop && this.#flush(), { passive: true, signal });
    this.#pill.addEventListener("click", () => this.#toTop(), { signal });
    this.until(() => listening.abort());
  }

  /** @param {State["values"]} values */
  #remember(values) {
    this.#before = new Map(Object.entries(values).map(([key, { value }]) => [key, { value }]));
  }

  /** @param {Change} change @param {{state: State}} store */
  #changed({ kind, events }, store) {
    if (kind === "snapshot") return this.#replace(events, store.state.values);
    this.#waiting.push(...events.map((event) => this.#row(event)));
    if (this.#waiting.length > 2 * MOST_ROWS) this.#waiting = this.#waiting.slice(-MOST_ROWS);
    return this.#atTop && !this.#paged ? this.#flush() : this.#paintPill();
  }

  /** A reset: what was here may be another history. @param {WireEvent[]} events @param {State["values"]} values */
  #replace(events, values) {
    this.#waiting = [];
    this.#before.clear();
    if (!this.#paged) this.#rows.replaceChildren(...events.map((event) => paint(this.#row(event))).slice(-this.#most).reverse());
    this.#remember(values);
    this.#paintPill();
  }

  /** @param {WireEvent} event */
  #row(event) {
    const [, , kind, , key, data] = event;
    const made = historyRow(event, kind === "value_set" ? (this.#before.get(key) ?? null) : null);
    if (kind === "value_set") this.#before.set(key, { value: data.value });
    return made;
  }

  #flush() {
    if (this.#paged || this.#waiting.length === 0) return;
    const fresh = this.#waiting.splice(0).slice(-this.#most);
    this.#rows.prepend(...fresh.map(paint).reverse());
    while (this.#rows.children.length > this.#most) this.#rows.lastElementChild?.remove();
    this.#paintPill();
  }

  #paintPill() {
    const count = this.#waiting.length;
    this.#pill.hidden = count === 0;
    const number = count > MOST_ROWS ? `more than ${MOST_ROWS}` : count;
    const words = `${number} new event${count === 1 ? "" : "s"}`;
    if (count) setText(this.#pill.firstElementChild, words);
  }

  #toTop() {
    if (this.#paged) return location.assign(location.pathname + "#history");
    this.#scroll.scrollTop = 0;
    return this.#flush();
  }

  /** A selected text must survive: while something is selected in here, nothing is inserted. */
  get #atTop() {
    const selection = document.getSelection();
    const selecting = selection && !selection.isCollapsed && this.contains(selection.anchorNode);
    return this.#scroll.scrollTop < 8 && !selecting;
  }

  get #most() {
    return Number(this.dataset.most) || MOST_ROWS;
  }

  get #paged() {
    return this.hasAttribute("data-paged");
  }

  get #scroll() {
    return /** @type {HTMLElement} */ (this.querySelector(".history__scroll"));
  }

  get #rows() {
    return /** @type {HTMLElement} */ (this.querySelector(".history__rows"));
  }

  get #pill() {
    return /** @type {HTMLElement} */ (this.querySelector(".history__pill"));
  }
}

/** The twin of the template `dashboard/workflow/_event.html`. @param {HistoryRow} row */
function paint({ seq, at, label, tone, subject, detail, diff }) {
  const what = element("span", { class: "history__what" });
  if (subject) what.append(element("span", { class: "history__subject" }, subject));
  if (detail) what.append(element("span", { class: "history__detail" }, detail));
  if (diff) what.append(paintDiff(diff));
  return element(
    "li",
    { class: "history__row", id: `event-${seq}` },
    element("a", { class: "history__seq", href: `#event-${seq}` }, String(seq)),
    element("time", { class: "history__at", datetime: at, title: absolute(at) }, timeOfDay(at)),
    element("span", { class: "history__label tone", "data-status": tone }, label),
    what,
  );
}

function arrow() {
  return element("span", { class: "diff__arrow", "aria-hidden": "true" }, "→");
}

/** @param {import("../lib/values.js").Diff} diff */
function paintDiff({ changes, more }) {
  const box = element("span", { class: "diff" }, ...changes.map(paintChange));
  if (changes.length === 0) box.append(element("span", { class: "diff__more" }, "set again, unchanged"));
  if (more) box.append(element("span", { class: "diff__change diff__more" }, `and ${more} more`));
  return box;
}

/** @param {import("../lib/values.js").Change} change */
function paintChange({ path, old, new: now, delta }) {
  const box = element("span", { class: "diff__change" });
  if (path) box.append(element("span", { class: "diff__path" }, path));
  if (old !== null) {
    box.append(element("del", { class: "diff__old" }, old), arrow());
    if (now === null) box.append(element("span", { class: "diff__more" }, "removed"));
  }
  if (now !== null) box.append(element("ins", { class: `diff__new${old === null ? " diff__new--first" : ""}` }, now));
  if (delta) box.append(" ", element("span", { class: "diff__delta" }, delta));
  return box;
}
