/** A workflow's history as a server would keep it, for tests: events, the state at each, and frames of them. */

import { fold } from "../../static/js/live/fold.js";

/** @typedef {import("../../static/js/live/protocol.js").State} State */
/** @typedef {import("../../static/js/live/protocol.js").WireEvent} WireEvent */

/**
 * Without the missing prototypes of `fold`, so that deepEqual compares content.
 * @template T @param {T} value @returns {T}
 */
export function plain(value) {
  return JSON.parse(JSON.stringify(value));
}

export class History {
  topic = "workflow:w1";
  /** @type {WireEvent[]} */
  #events = [];
  /** @type {State[]} */
  #states;

  /** @param {number} length */
  constructor(length, epoch = "epoch-1") {
    this.epoch = epoch;
    const workflow = { id: "w1", definition: null, queue: null, status: null, created_at: null, started_at: null };
    Object.assign(workflow, { finished_at: null, worker: null, waiting: null, error: null, last_event: null });
    const before = /** @type {unknown} */ ({ seq: 0, workflow: { ...workflow, takeovers: 0 }, values: {}, steps: {} });
    this.#states = [/** @type {State} */ (before)];
    if (length > 0) this.add("created", { data: { definition: "demo", queue: "default", by: "" } });
    while (this.length < length) this.add("value_set", { key: "n", data: { value: this.length } });
  }

  get length() {
    return this.#events.length;
  }

  /** @param {string} kind @param {{position?: number|null, key?: string|null, data?: WireEvent[5]}} [what] */
  add(kind, { position = null, key = null, data = {} } = {}) {
    const at = new Date(1_800_000_000_000 + this.length * 1000).toISOString();
    /** @type {WireEvent} */
    const event = [this.length + 1, at, kind, position, key, data];
    this.#events.push(event);
    this.#states.push(fold(this.#states[this.#states.length - 1], [event]));
  }

  /** @param {number} from @param {number} to */
  wire(from, to) {
    return structuredClone(this.#events.slice(from - 1, to));
  }

  /** @param {number} seq */
  stateAt(seq) {
    return plain(this.#states[seq]);
  }

  /** @param {number} from @param {number} to @returns {import("../../static/js/live/protocol.js").Events} */
  frame(from, to) {
    return { t: "events", topic: this.topic, epoch: this.epoch, from, to, events: this.wire(from, to) };
  }

  /** @returns {import("../../static/js/live/protocol.js").Snapshot} */
  snapshot(seq = this.length) {
    const events = this.wire(Math.max(1, seq - 199), seq);
    return { t: "snapshot", topic: this.topic, epoch: this.epoch, seq, state: this.stateAt(seq), events };
  }
}
