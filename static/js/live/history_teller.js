/** Words events as they come: each with the value that it replaces and the time since the one before. Pure. */

import { row } from "../lib/history.js";

/** @typedef {import("./protocol.js").WireEvent} WireEvent */

export class HistoryTeller {
  /** The value of every key before the event that comes next. @type {Map<string|null, {value: unknown}>} */
  #values = new Map();
  /** @type {string|null} */
  #at = null;

  /** What comes next follows this state. @param {import("./protocol.js").State} state */
  follow({ values, workflow }) {
    this.#values = new Map(Object.entries(values).map(([key, { value }]) => [key, { value }]));
    this.#at = workflow.last_event?.at ?? null;
  }

  /** What comes next follows something unknown. */
  forget() {
    this.#values.clear();
    this.#at = null;
  }

  /** @param {WireEvent} event */
  row(event) {
    const [, at, kind, , key, data] = event;
    const made = row(event, kind === "value_set" ? (this.#values.get(key) ?? null) : null, this.#at);
    this.#at = at;
    if (kind === "value_set") this.#values.set(key, { value: data.value });
    return made;
  }
}
