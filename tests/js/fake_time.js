/** A clock that the test moves, with the timers of a browser. */

export class FakeTime {
  #now = 1_000_000;
  #next = 1;
  /** @type {Map<number, {at: number, every: number|null, act: () => void}>} */
  #timers = new Map();

  now = () => this.#now;
  setTimeout = (act, ms) => this.#set(act, ms, null);
  setInterval = (act, ms) => this.#set(act, ms, ms);
  clearTimeout = (id) => this.#timers.delete(id);
  clearInterval = (id) => this.#timers.delete(id);

  get pending() {
    return this.#timers.size;
  }

  /** Let time pass; timers fire in their order. */
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

  /** Let time pass as `advance` does, and promises settle meanwhile. */
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

  /** A laptop's sleep: time passes and no timer fires. */
  sleep(ms) {
    this.#now += ms;
  }

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
