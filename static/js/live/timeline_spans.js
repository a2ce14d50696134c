/** What the timeline shows besides the steps: since when it had which status, times of events, children. */

import { phase } from "../lib/timeline.js";

const MOST_EVENTS = 400;
/** How often children that have not ended are looked at. */
const CHILDREN_MS = 3_000;

/** @typedef {import("../lib/timeline.js").Phase} Phase @typedef {import("../lib/timeline.js").Child} Child */
/** @typedef {{phases: Phase[], events: string[], children: Child[]}} Spans */

export class TimelineSpans {
  #address;
  #now;
  #readAt = 0;

  /** @param {Spans} spans @param {string} address  where they are read again @param {() => number} [now] */
  constructor({ phases, events, children }, address, now = () => Date.now()) {
    this.phases = [...phases];
    this.events = [...events];
    this.children = children;
    this.#address = address;
    this.#now = now;
  }

  /** @param {import("./protocol.js").WireEvent[]} events */
  note(events) {
    this.phases.push(...events.map(phase).filter((one) => one !== null));
    this.events.push(...events.map(([, at]) => at));
    while (this.events.length > MOST_EVENTS) this.events = this.events.filter((_, place) => place % 2 === 0);
  }

  /** Whether children go on, and it is some time since anybody looked. */
  get isDue() {
    return this.children.some(({ finished_at }) => !finished_at) && this.#now() - this.#readAt > CHILDREN_MS;
  }

  /** @param {AbortSignal} signal @returns {Promise<boolean>} whether they were read; if not, the next reading comes */
  async read(signal) {
    this.#readAt = this.#now();
    try {
      const answer = await fetch(this.#address, { redirect: "error", cache: "no-store", signal });
      if (answer.ok) Object.assign(this, /** @type {Spans} */ (await answer.json()));
      return answer.ok;
    } catch {
      return false;
    }
  }
}
