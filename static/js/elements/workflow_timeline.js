/** <workflow-timeline>: steps as bars on one axis. The axis grows in round lengths, so bars do not crawl. */

import { element, one, setText, svgElement } from "../lib/dom.js";
import { errorLine } from "../lib/sentences.js";
import { between } from "../lib/times.js";
import { bar, span, ticks, took } from "../lib/timeline.js";
import { LiveElement } from "./live_element.js";

const MOST_STEPS = 200;
const BAR = { class: "bar", viewBox: "0 0 1000 12", preserveAspectRatio: "none", "aria-hidden": "true" };
/** This near to the end, the reader follows the newest step. */
const FOLLOW_PX = 48;

/** @typedef {import("../live/protocol.js").Step} Step */

export class WorkflowTimeline extends LiveElement {
  /** @type {import("../live/moment_store.js").MomentStore} */
  #store;
  #length = 0;

  /** @param {import("./live_element.js").WorkflowPage} page */
  follow({ store, clock }) {
    this.release();
    this.#store = store;
    this.until(store.subscribe(({ kind, steps }) => this.#paint(clock.now(), kind === "snapshot" ? this.#fit() : steps)));
    this.until(clock.onTick((now) => this.#paint(now, new Set())));
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /**
   * Everything when the axis changed its length, else what changed and what still grows.
   * @param {number} now @param {Iterable<string>} changed  positions of steps
   */
  #paint(now, changed) {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    const follows = scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
    const { workflow, steps } = this.#store.state;
    const finished = workflow.finished_at !== null;
    const length = span(between(workflow.created_at, workflow.finished_at ?? now), finished);
    const rescaled = length !== this.#length;
    this.#length = length;
    if (rescaled) this.#paintAxis();
    this.#paintWhole(now);
    for (const position of changed) this.#paintStep(steps[position], now);
    for (const row of rowsOf(this, "tr[data-position]")) {
      const step = steps[row.dataset.position ?? ""];
      if (step && (rescaled || !step.finished_at)) this.#paintBar(row, step, now);
    }
    if (follows && [...changed].length > 0) this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** Another state altogether: rows that it does not have must go. @returns {string[]} what to paint */
  #fit() {
    const shown = Object.keys(this.#store.state.steps).slice(-MOST_STEPS);
    const kept = new Set(shown);
    for (const row of rowsOf(this, "tr[data-position], tr[data-error-of]")) {
      if (!kept.has(row.dataset.position ?? row.dataset.errorOf ?? "")) row.remove();
    }
    this.#paintNote();
    return shown;
  }

  #paintAxis() {
    const labels = this.querySelectorAll(".timeline__axis > span");
    ticks(this.#length).forEach((text, index) => setText(labels[index], text));
  }

  /** @param {number} now */
  #paintWhole(now) {
    const { created_at, started_at, finished_at, status } = this.#store.state.workflow;
    const row = one(this, ".timeline__whole");
    row.dataset.status = status;
    const end = finished_at ?? now;
    const begun = started_at ?? end;
    const [waited, worked] = row.querySelectorAll("rect");
    place(waited, bar(created_at, created_at, begun, this.#length));
    place(worked, bar(created_at, begun, end, this.#length));
    setText(row.querySelector(".timeline__duration"), took(started_at, finished_at, now));
  }

  /** @param {Step} step @param {number} now */
  #paintStep(step, now) {
    const known = /** @type {HTMLElement|null} */ (this.querySelector(`tr[data-position="${step.position}"]`));
    const row = known ?? this.#insert(step);
    row.dataset.status = step.status;
    one(row, "status-badge").dataset.status = step.status;
    this.#paintAttempt(row, step.attempt);
    this.#paintError(row, step);
    this.#paintBar(row, step, now);
  }

  /** @param {HTMLElement} row @param {Step} step @param {number} now */
  #paintBar(row, step, now) {
    const { created_at } = this.#store.state.workflow;
    place(one(row, "rect", SVGElement), bar(created_at, step.started_at, step.finished_at ?? now, this.#length));
    setText(row.querySelector(".timeline__duration"), took(step.started_at, step.finished_at, now));
  }

  /** @param {HTMLElement} row @param {number} attempt */
  #paintAttempt(row, attempt) {
    if (attempt < 2) return;
    const name = one(row, ".timeline__name > span");
    if (!name.querySelector(".timeline__attempt")) name.append(element("span", { class: "timeline__attempt" }));
    setText(name.querySelector(".timeline__attempt"), `attempt ${attempt}`);
  }

  /** @param {HTMLElement} row @param {Step} step */
  #paintError(row, { position, error }) {
    let line = this.querySelector(`tr[data-error-of="${position}"]`);
    if (!error) return line?.remove();
    if (!line) {
      const cell = element("td", { colspan: "3" });
      line = element("tr", { class: "timeline__error", "data-error-of": String(position) }, cell);
      row.after(line);
    }
    return setText(line.firstElementChild, errorLine(error));
  }

  /** @param {Step} step */
  #insert({ position, name, status }) {
    const row = stepRow(position, name, status);
    const body = one(this, "tbody");
    const rows = rowsOf(body, "tr[data-position]");
    body.insertBefore(row, rows.find((one) => Number(one.dataset.position) > position) ?? null);
    if (rows.length >= MOST_STEPS) this.#drop(rows[0]);
    one(this, ".panel__empty").hidden = true;
    return row;
  }

  get #scroll() {
    return /** @type {HTMLElement} */ (this.querySelector(".timeline__scroll"));
  }

  /** @param {HTMLElement} row */
  #drop(row) {
    this.querySelector(`tr[data-error-of="${row.dataset.position}"]`)?.remove();
    row.remove();
    this.#paintNote();
  }

  #paintNote() {
    const hidden = Object.keys(this.#store.state.steps).length - MOST_STEPS;
    const words = hidden > 0 ? `the last ${MOST_STEPS}; ${hidden} earlier ones are in the history` : "";
    setText(this.querySelector(".panel__note"), words);
  }
}

/** @param {ParentNode} root @param {string} selector @returns {HTMLElement[]} */
function rowsOf(root, selector) {
  return [...root.querySelectorAll(selector)].map((row) => /** @type {HTMLElement} */ (row));
}

/** @param {number} position @param {string} name @param {string} status */
function stepRow(position, name, status) {
  const badge = element("status-badge", { "data-status": status, "data-icon-only": "" });
  const number = element("span", { class: "timeline__position" }, String(position));
  const label = element("span", {}, number, badge, element("b", {}, name));
  const svg = svgElement("svg", BAR);
  svg.append(svgElement("rect", { class: "bar__fill", y: 1, height: 10, rx: 1.5 }));
  return element(
    "tr",
    { class: "tone", "data-position": String(position), "data-status": status },
    element("td", { class: "timeline__name" }, label),
    element("td", {}, svg),
    element("td", { class: "timeline__duration" }),
  );
}

/** @param {Element} rect @param {{x: number, width: number}} bar */
function place(rect, { x, width }) {
  rect.setAttribute("x", String(x));
  rect.setAttribute("width", String(width));
}
