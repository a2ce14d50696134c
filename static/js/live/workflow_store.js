/**
 * One workflow as the browser knows it: a state and the fold of the events that follow it. Pure: no
 * socket, no document, no clock; how an event changes the state is `fold.js`.
 *
 *   const store = new WorkflowStore(state, events, epoch);    // the JSON of the page
 *   store.state                                               // {seq, workflow, values, steps}; read only
 *   store.events                                              // the latest events, ascending; at most `keep`
 *   const stop = store.subscribe((change, store) => …);       // after every frame that changed something
 *   live.follow(store);                                       // live.js feeds `apply`; elements only subscribe
 *
 * A `Change` says what to repaint: {kind, keys, steps, workflow, events, gone}
 *   kind      "events": some were folded; "snapshot": everything is new; "gone": the workflow was deleted
 *             "duplicate" and "gap" change nothing and are not announced (live.js resubscribes on a gap)
 *   keys      Set of keys of `state.values` that changed      steps   Set of positions (text) that changed
 *   workflow  whether `state.workflow` changed beyond last_event
 *   events    the events that were new, ascending (for the history)
 */

import { Changes } from "./changes.js";
import { foldInto, nothing, owned } from "./fold.js";
import { SERVER, RESET, workflowTopic } from "./protocol.js";

/** @typedef {import("./protocol.js").WireEvent} WireEvent @typedef {import("./protocol.js").Cursor} Cursor */
/** @typedef {import("./protocol.js").State} State @typedef {import("./fold.js").Change} Change */

/** More new events than this before one paint are no longer shown one by one; the latest stand for them. */
const MOST_EVENTS = 1_000;
const LATEST_EVENTS = 200;

export class WorkflowStore {
  /** @type {Changes<Change, WorkflowStore>} */
  #changes;
  #keep;

  /**
   * @param {State} state  the snapshot of the page; the store owns it from now on
   * @param {WireEvent[]} [events]  the latest events up to the snapshot, ascending
   * @param {string|null} [epoch]  of the snapshot; without it the first subscription asks for a fresh one
   * @param {{keep?: number, schedule?: (act: () => void) => void}} [options]  how many events to hold (older ones are
   *   read over HTTP); when listeners hear of changes, without it at once
   */
  constructor(state, events = [], epoch = null, { keep = 250, schedule } = {}) {
    this.#changes = new Changes(merged, schedule);
    this.state = owned(state);
    this.events = [...events];
    this.epoch = epoch;
    this.gone = false;
    this.#keep = keep;
  }

  get topic() {
    return workflowTopic(this.state.workflow.id);
  }

  /** Where this reader stands. @returns {Cursor|null} null before any snapshot */
  get cursor() {
    return this.epoch === null ? null : { epoch: this.epoch, seq: this.state.seq };
  }

  /** @param {(change: Change, store: WorkflowStore) => void} listener @returns {() => void} stops it */
  subscribe(listener) {
    return this.#changes.subscribe(listener);
  }

  /** Take one server frame of this topic. @param {import("./protocol.js").TopicFrame} frame @returns {Change} */
  apply(frame) {
    const change = this.#applied(frame);
    if (["events", "snapshot", "gone"].includes(change.kind)) this.#changes.tell(change, this);
    return change;
  }

  /** @param {import("./protocol.js").TopicFrame} frame @returns {Change} */
  #applied(frame) {
    if (frame.t === SERVER.snapshot) return this.#replace(frame);
    if (frame.t === SERVER.events) return this.#extend(frame);
    if (frame.t === SERVER.reset && frame.reason === RESET.gone) this.gone = true;
    return nothing(this.gone ? "gone" : "duplicate");
  }

  /** @param {import("./protocol.js").Snapshot} frame @returns {Change} */
  #replace({ epoch, state, events }) {
    this.state = owned(state);
    this.events = [...events]; // a change that nobody heard of yet still holds the others
    this.epoch = epoch;
    this.gone = false;
    const keys = new Set(Object.keys(state.values));
    return { kind: "snapshot", keys, steps: new Set(Object.keys(state.steps)), workflow: true, events };
  }

  /** @param {import("./protocol.js").Events} frame @returns {Change} */
  #extend({ epoch, from, to, events }) {
    if (epoch !== this.epoch || from > this.state.seq + 1) return nothing("gap");
    if (to <= this.state.seq) return nothing("duplicate");
    const change = nothing("events");
    for (const event of events) if (event[0] > this.state.seq) foldInto(this.state, event, change);
    this.events.push(...change.events);
    if (this.events.length > 2 * this.#keep) this.events = this.events.slice(-this.#keep);
    return change;
  }
}

/** @param {Change} earlier @param {Change} later @returns {Change} both as one */
function merged(earlier, later) {
  if (later.kind === "snapshot") return later;
  const events = [...earlier.events, ...later.events];
  const many = events.length > MOST_EVENTS;
  return {
    kind: many ? "snapshot" : earlier.kind,
    keys: new Set([...earlier.keys, ...later.keys]),
    steps: new Set([...earlier.steps, ...later.steps]),
    workflow: earlier.workflow || later.workflow,
    events: many ? events.slice(-LATEST_EVENTS) : events,
  };
}
