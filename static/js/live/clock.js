/**
 * Server time for the whole page, and its one ticker. Follows the server's clock while the connection is live and stands
 * still while it is not, so that no duration on the screen grows on a guess. Touches no document.
 *
 *   const clock = new Clock(serverTimeOfThePage);
 *   clock.now();                          // server time in ms since 1970; constant while frozen
 *   const stop = clock.onTick(ms => …);   // about once a second, and at once on freeze and on thaw
 */

/**
 * A browser's timers, or a test's.
 * @typedef {{setTimeout: (act: () => void, ms: number) => number, clearTimeout: (timer: number|undefined) => void,
 *   setInterval: (act: () => void, ms: number) => number, clearInterval: (timer: number|undefined) => void}} Timers
 */

const TICK_MS = 1000;
/** A smaller step of the server's clock is network delay, and would only make durations jump back and forth. */
const STEP_MS = 250;

export class Clock {
  #local;
  #timers;
  #offset;
  /** @type {number|null} */
  #frozenAt = null;
  /** @type {number|null} */
  #heldAt = null;
  /** @type {Set<(now: number) => void>} */
  #listeners = new Set();
  /** @type {number|undefined} */
  #timer;

  /**
   * @param {string|number|null} [serverTime]  the server's time when the page was made
   * @param {{local?: () => number, timers?: Pick<Timers, "setInterval"|"clearInterval">}} [options]  for tests
   */
  constructor(serverTime = null, { local = () => Date.now(), timers = globalThis } = {}) {
    this.#local = local;
    this.#timers = timers;
    this.#offset = serverTime === null ? 0 : new Date(serverTime).getTime() - local();
  }

  /** Server time in milliseconds since 1970. */
  now() {
    return this.#heldAt ?? this.#frozenAt ?? this.#local() + this.#offset;
  }

  get frozen() {
    return this.#frozenAt !== null;
  }

  /** The server said what time it is. @param {string} serverTime */
  correct(serverTime) {
    const offset = new Date(serverTime).getTime() - this.#local();
    if (Number.isFinite(offset) && Math.abs(offset - this.#offset) > STEP_MS) this.#offset = offset;
  }

  /** The connection is lost: what is on the screen is as of now. */
  freeze() {
    if (this.frozen) return;
    this.#frozenAt = this.#local() + this.#offset;
    this.#tick();
  }

  /** The connection is live again. */
  thaw() {
    if (!this.frozen) return;
    this.#frozenAt = null;
    this.#tick();
  }

  /** The page shows another moment than the present; null: the present again. @param {number|null} moment in ms */
  hold(moment) {
    this.#heldAt = moment;
    this.#tick();
  }

  /** @param {(now: number) => void} listener @returns {() => void} stops it */
  onTick(listener) {
    this.#listeners.add(listener);
    this.#timer ??= this.#timers.setInterval(() => this.frozen || this.#heldAt !== null || this.#tick(), TICK_MS);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#timers.clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #tick() {
    const now = this.now();
    for (const listener of [...this.#listeners]) listener(now);
  }
}
