/**
 * <workflow-timeline>: phases, steps and children as bars on one axis, on which long waits are short until somebody opens
 * them. The axis grows in round lengths, so bars do not crawl.
 */

import { one, setText } from "../lib/dom.js";
import { asOf, gaps, lasting, locate, shorten, span } from "../lib/timeline.js";
import { TimelineView } from "../lib/timeline_view.js";
import { between } from "../lib/times.js";
import { grouped } from "../lib/values.js";
import { TimelineSpans } from "../live/timeline_spans.js";
import { LiveElement } from "./live_element.js";
import { TimelineAxis } from "./timeline_axis.js";
import * as rows from "./timeline_rows.js";

const MOST_STEPS = 200;
/** This near to the end, the reader follows the newest step. */
const FOLLOW_PX = 48;
const OF_CHILDREN = new Set(["child_started", "result_read", "results_gathered", "completion_read"]);

/** @typedef {import("../live/protocol.js").Workflow} Workflow @typedef {import("../live/protocol.js").Step} Step */
/** @typedef {import("./timeline_rows.js").Scale} Scale */
/** @typedef {import("../live/timeline_spans.js").Spans} Spans */

export class WorkflowTimeline extends LiveElement {
  /** @type {import("../live/moment_store.js").MomentStore} */
  #store;
  /** @type {import("../live/clock.js").Clock} */
  #clock;
  /** @type {TimelineSpans} */
  #spans;
  #view = new TimelineView();
  /** @type {TimelineAxis} */
  #axis;
  /** Waits that somebody opened; null: all of them. @type {Set<number>|null} */
  #kept = new Set();
  /** How the axis was drawn: what has ended stays where it is as long as that does. */
  #drawn = "";

  /** @param {import("./live_element.js").WorkflowPage & {spans: Spans}} page */
  follow({ store, clock, spans }) {
    this.release();
    this.#store = store;
    this.#clock = clock;
    this.#spans = new TimelineSpans(spans, this.dataset.spans ?? "");
    const listening = new AbortController();
    this.until(() => listening.abort());
    const act = { changed: () => this.#paint(), compress: () => this.#compress() };
    this.#axis = new TimelineAxis(this, this.#view, { ...act, gap: (start) => this.#kept?.add(start) }, listening.signal);
    this.addEventListener("click", rows.toggleOutput, { signal: listening.signal });
    this.until(store.subscribe((change) => this.#changed(change, listening.signal)));
    this.until(clock.onTick(() => this.#tick(listening.signal)));
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#paint();
  }

  /** @param {import("../live/fold.js").Change} change @param {AbortSignal} signal */
  #changed({ kind, steps, events }, signal) {
    if (kind === "events") this.#spans.note(events);
    const asksAgain = kind === "snapshot" ? this.#store.viewing === null : events.some(([, , name]) => OF_CHILDREN.has(name));
    if (asksAgain) this.#read(signal);
    this.#paint(kind === "snapshot" ? this.#fit() : steps);
  }

  /** @param {AbortSignal} signal */
  #tick(signal) {
    if (this.#spans.isDue && this.#store.viewing === null && !document.hidden) this.#read(signal);
    this.#paint();
  }

  /** @param {AbortSignal} signal */
  async #read(signal) {
    if (await this.#spans.read(signal)) this.#paint();
  }

  #compress() {
    this.#kept = this.#kept === null ? new Set() : null;
    one(this, '[data-act="compress"]').setAttribute("aria-pressed", String(this.#kept !== null));
  }

  /** Everything when the axis moved, else what changed and what still grows. @param {Iterable<string>} [changed] */
  #paint(changed = []) {
    const { workflow, steps } = this.#store.state;
    const now = this.#clock.now();
    const end = workflow.finished_at ?? now;
    const before = this.#drawn;
    const scale = this.#scale(workflow, end);
    const moved = this.#drawn !== before;
    const fresh = new Set(changed);
    const follows = this.#isAtEnd;
    this.#paintWhole(workflow, scale, end, now);
    for (const position of fresh) this.#paintStep(steps[position]);
    for (const row of rowsOf(this.#body, "tr[data-position]")) {
      const { position = "" } = row.dataset;
      if (steps[position] && (moved || !steps[position].finished_at || fresh.has(position))) this.#paintBar(row, steps[position], scale, now);
    }
    this.#paintChildren(scale, end, now);
    if (follows && fresh.size > 0) this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** @param {Workflow} workflow @param {string|number} end @returns {Scale} */
  #scale({ created_at, finished_at }, end) {
    const elapsed = between(created_at, end);
    const found = gaps(this.#spans.phases, created_at, end);
    const kept = this.#kept ?? new Set(found.map(({ start }) => start));
    const segments = shorten(found, elapsed, kept);
    const last = segments[segments.length - 1];
    this.#view.fit(span(last.place + last.length, finished_at !== null), last.place + last.length);
    this.#axis.paint(found, segments);
    this.#drawn = JSON.stringify([segments.slice(0, -1), this.#view.window]);
    return { at: (time) => locate(segments, between(created_at, time)), ...this.#view.window };
  }

  /** @param {Workflow} workflow @param {Scale} scale @param {string|number} end @param {number} now */
  #paintWhole({ status, started_at, finished_at }, scale, end, now) {
    const row = one(this, ".timeline__whole");
    rows.paintPhases(one(row, "svg", SVGElement), scale, lasting(this.#spans.phases, end));
    rows.paintEvents(one(row, ".timeline__events", SVGElement), scale, this.#spans.events.filter((at) => between(end, at) === 0));
    row.dataset.status = status;
    rows.paintDuration(row, started_at, finished_at, now);
  }

  /** @param {HTMLElement} row @param {Step} step @param {Scale} scale @param {number} now */
  #paintBar(row, step, scale, now) {
    rows.paintBar(row, scale, step.started_at, step.finished_at ?? now);
    rows.paintDuration(row, step.started_at, step.finished_at, now);
  }

  /** @param {Step} step */
  #paintStep(step) {
    const row = this.querySelector(`tr[data-position="${step.position}"]`) ?? this.#insert(step);
    rows.paintStatus(row, step.status);
    rows.paintAttempt(row, step.attempt);
    rows.paintError(row, step);
  }

  /** @param {Step} step */
  #insert(step) {
    const row = rows.stepRow(step, this.dataset.payloads ?? "");
    const all = rowsOf(this.#body, "tr[data-position]");
    this.#body.insertBefore(row, all.find((one) => Number(one.dataset.position) > step.position) ?? null);
    if (all.length >= MOST_STEPS) this.#fit();
    one(this, ".panel__empty").hidden = true;
    one(this, ".timeline__all").hidden = false;
    return row;
  }

  /** @param {Scale} scale @param {string|number} end @param {number} now */
  #paintChildren(scale, end, now) {
    const family = one(this, ".timeline__children");
    const shown = asOf(this.#spans.children, typeof end === "number" ? new Date(end).toISOString() : end);
    const known = new Map(rowsOf(family, "tr").map((row) => [row.dataset.child, row]));
    for (const child of shown) {
      const row = known.get(child.id) ?? family.appendChild(rows.childRow(child));
      known.delete(child.id);
      rows.paintStatus(row, child.status);
      rows.paintBar(row, scale, child.created_at, child.finished_at ?? end);
      rows.paintDuration(row, child.created_at, child.finished_at, now);
    }
    for (const row of known.values()) row.remove();
  }

  /** Another state altogether: rows that it does not have must go. @returns {string[]} what to paint */
  #fit() {
    const shown = Object.keys(this.#store.state.steps).slice(-MOST_STEPS);
    const kept = new Set(shown);
    for (const row of rowsOf(this.#body, "tr[data-position], tr[data-of]")) {
      if (!kept.has(row.dataset.position ?? row.dataset.of ?? "")) row.remove();
    }
    this.#paintNote();
    return shown;
  }

  #paintNote() {
    const all = Object.keys(this.#store.state.steps).length;
    const words = all > MOST_STEPS ? `last ${MOST_STEPS} of ${grouped(all)} steps` : "";
    setText(this.querySelector(".panel__note"), words);
  }

  get #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    return scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
  }

  get #scroll() {
    return one(this, ".timeline__scroll");
  }

  get #body() {
    return one(this, ".timeline__steps");
  }
}

/** @param {ParentNode} root @param {string} selector */
function rowsOf(root, selector) {
  return [...root.querySelectorAll(selector)].map((row) => /** @type {HTMLElement} */ (row));
}
