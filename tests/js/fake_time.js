/** A clock that the test moves, with the timers of a browser. */

/** @typedef {import("../../static/js/live/clock.js").Timers} Timers */

export class FakeTime {
  #now = 1_000_000;
  #next = 1;
  /** @type {Map<number, {at: number, every: number|null, act: () => void}>} */
  #timers = new Map();

  now = () => this.#now;
  /** @type {Timers["setTimeout"]} */
  setTimeout = (act, ms) => this.#set(act, ms, null);
  /** @type {Timers["setInterval"]} */
  setInterval = (act, ms) => this.#set(act, ms, ms);
  /** @type {Timers["clearTimeout"]} */
  clearTimeout = (id) => void this.#timers.delete(id ?? 0);
  /** @type {Timers["clearInterval"]} */
  clearInterval = (id) => void this.#timers.delete(id ?? 0);

  get pending() {
    return this.#timers.size;
  }

  /** Let time pass; timers fire in their order. @param {number} ms */
  advance(ms) {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0]);
      if (due.length === 0) break;
      const [id, timer] = due[0];
      this.#now = timer.at;
      if (timer.every === null) this.#timers.delete(id);
      else timer.at += timer.every;
      timer.act();
    }
    this.#now = end;
  }

  /** Let time pass as `advance` does, and promises settle meanwhile. @param {number} ms */
  async pass(ms) {
    const end = this.#now + ms;
    await settled();
    for (;;) {
      const next = Math.min(...[...this.#timers.values()].map(({ at }) => at));
      if (next > end) break;
      this.advance(Math.max(0, next - this.#now));
      await settled();
    }
    this.#now = end;
  }

  /** A laptop's sleep: time passes and no timer fires. @param {number} ms */
  sleep(ms) {
    this.#now += ms;
  }

  /** @param {() => void} act @param {number} ms @param {number|null} every */
  #set(act, ms, every) {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + ms, every, act });
    return id;
  }
}

/** Every promise that can settle has. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}
