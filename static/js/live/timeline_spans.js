/** What the timeline shows besides the steps: since when it had which status, times of events, children. */

import { phase } from "../lib/timeline.js";

const MOST_EVENTS = 400;
/** How often children that have not ended are looked at. */
const CHILDREN_MS = 3_000;

/** @typedef {import("../lib/timeline.js").Phase} Phase @typedef {import("../lib/timeline.js").Child} Child */
/** As of the event `seq`. @typedef {{seq: number, phases: Phase[], events: string[], children: Child[]}} Spans */
/** @typedef {import("./protocol.js").WireEvent} WireEvent */

export class TimelineSpans {
  #address;
  #now;
  #readAt = 0;
  #seq;
  #readings = 0;
  /** What came while it was read again: the answer may know it, or be older. @type {WireEvent[]} */
  #meanwhile = [];

  /** @param {Spans} spans @param {string} address  where they are read again @param {() => number} [now] */
  constructor({ seq, phases, events, children }, address, now = () => Date.now()) {
    this.#seq = seq;
    this.phases = [...phases];
    this.events = [...events];
    this.children = children;
    this.#address = address;
    this.#now = now;
  }

  /** @param {WireEvent[]} events */
  note(events) {
    if (this.#readings > 0) this.#meanwhile.push(...events);
    const fresh = events.filter(([seq]) => seq > this.#seq);
    if (fresh.length === 0) return;
    this.#seq = fresh[fresh.length - 1][0];
    this.phases.push(...fresh.map(phase).filter((one) => one !== null));
    this.events.push(...fresh.map(([, at]) => at));
    while (this.events.length > MOST_EVENTS) this.events = this.events.filter((_, place) => place % 2 === 0);
  }

  /** Whether children go on, and it is some time since anybody looked. */
  get isDue() {
    return this.children.some(({ finished_at }) => !finished_at) && this.#now() - this.#readAt > CHILDREN_MS;
  }

  /** @param {AbortSignal} signal @returns {Promise<boolean>} whether they were read; if not, the next reading comes */
  async read(signal) {
    this.#readAt = this.#now();
    this.#readings += 1;
    try {
      const answer = await fetch(this.#address, { redirect: "error", cache: "no-store", signal });
      if (answer.ok) this.#adopt(await answer.json());
      return answer.ok;
    } catch {
      return false;
    } finally {
      this.#readings -= 1;
      if (this.#readings === 0) this.#meanwhile = [];
    }
  }

  /** @param {Spans} answer */
  #adopt({ seq, phases, events, children }) {
    this.#seq = seq;
    Object.assign(this, { phases, events, children });
    const later = this.#meanwhile;
    this.#meanwhile = [];
    this.note(later);
  }
}
