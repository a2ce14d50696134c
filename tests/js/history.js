/** A workflow's history as a server would keep it, for tests: events, the state at each, and frames of them. */

import { fold } from "../../static/js/live/fold.js";

/** Without the missing prototypes of `fold`, so that deepEqual compares content. */
export function plain(value) {
  return JSON.parse(JSON.stringify(value));
}

export class History {
  topic = "workflow:w1";
  #events = [];
  #states;

  constructor(length, epoch = "epoch-1") {
    this.epoch = epoch;
    const workflow = { id: "w1", definition: null, queue: null, status: null, created_at: null, started_at: null };
    Object.assign(workflow, { finished_at: null, worker: null, waiting: null, error: null, last_event: null });
    this.#states = [{ seq: 0, workflow: { ...workflow, takeovers: 0 }, values: {}, steps: {} }];
    if (length > 0) this.add("created", { data: { definition: "demo", queue: "default", by: "" } });
    while (this.length < length) this.add("value_set", { key: "n", data: { value: this.length } });
  }

  get length() {
    return this.#events.length;
  }

  add(kind, { position = null, key = null, data = {} } = {}) {
    const at = new Date(1_800_000_000_000 + this.length * 1000).toISOString();
    const event = [this.length + 1, at, kind, position, key, data];
    this.#events.push(event);
    this.#states.push(fold(this.#states.at(-1), [event]));
  }

  wire(from, to) {
    return structuredClone(this.#events.slice(from - 1, to));
  }

  stateAt(seq) {
    return plain(this.#states[seq]);
  }

  frame(from, to) {
    return { t: "events", topic: this.topic, epoch: this.epoch, from, to, events: this.wire(from, to) };
  }

  snapshot(seq = this.length) {
    const events = this.wire(Math.max(1, seq - 199), seq);
    return { t: "snapshot", topic: this.topic, epoch: this.epoch, seq, state: this.stateAt(seq), events };
  }
}
