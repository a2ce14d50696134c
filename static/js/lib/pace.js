/**
 * How often a list repaints: ten times a second at most, and once a second while more happens than anybody can read. Pure.
 *
 *   const pace = new Pace(() => store.moved);       // how much has happened so far
 *   const schedule = (act) => pace.wait(act);       // `act` now, or as soon as it is time
 *   pace.isBusy                                     // more than 200 events in the last second
 */

const PERIOD_MS = 100;
const BUSY_PERIOD_MS = 1_000;
const BUSY_PER_SECOND = 200;
const CALM_MS = 2_500;

export class Pace {
  #moved;
  #now;
  #timers;
  #actedAt = -Infinity;
  #measuredAt;
  #measured = 0;
  #storm = false;

  /** @param {() => number} moved @param {{now?: () => number, timers?: any}} [clock] */
  constructor(moved, { now = () => performance.now(), timers = globalThis } = {}) {
    this.#moved = moved;
    this.#now = now;
    this.#timers = timers;
    this.#measuredAt = now();
  }

  /** Whether it is a storm, and that has not ended. */
  get isBusy() {
    return this.#storm && this.#now() - this.#actedAt < CALM_MS;
  }

  /** @param {() => void} act */
  wait(act) {
    const due = this.#actedAt + (this.isBusy ? BUSY_PERIOD_MS : PERIOD_MS) - this.#now();
    if (due <= 0) this.#act(act);
    else this.#timers.setTimeout(() => this.#act(act), due);
  }

  /** @param {() => void} act */
  #act(act) {
    this.#actedAt = this.#now();
    this.#measure();
    act();
  }

  /** Over a second at least, so that one burst is not taken for a storm. */
  #measure() {
    const seconds = (this.#now() - this.#measuredAt) / 1_000;
    if (seconds < 0.95) return;
    const moved = this.#moved();
    this.#storm = (moved - this.#measured) / seconds > BUSY_PER_SECOND;
    this.#measured = moved;
    this.#measuredAt = this.#now();
  }
}
