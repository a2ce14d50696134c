/**
 * How late events arrive: from their commit to here, in milliseconds, by the server's clock. Pure.
 *
 * The server's clock is known from frames that say what time it is there, and an event cannot arrive before its commit.
 * Each of them was under way for a while, so the one that puts the server furthest ahead is nearest to the truth; what
 * the quickest took is missing from every figure.
 */

const SYNCS = 16;
const FRAMES = 200;
const RECENT_MS = 10_000;
/** Later than this is worth a warning. */
const BEHIND_MS = 3_000;
/** When our own timers come this late, the page was asleep or busy: the delay would be ours, not the server's. */
const ASLEEP_MS = 2_500;

export class Delays {
  #now;
  /** Server's clock minus ours, of the latest syncs. @type {number[]} */
  #offsets = [];
  /** When each frame arrived, and when it was committed. @type {{at: number, committed: number}[]} */
  #frames = [];
  #awakeAt;
  /** The newest event that came as it happened. @type {{at: string}|null} */
  newest = null;

  /** @param {() => number} [now]  a clock in ms that nobody sets */
  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#awakeAt = now();
  }

  /** The server said what time it is. @param {string} serverTime */
  sync(serverTime) {
    this.#offsets.push(new Date(serverTime).getTime() - this.#now());
    if (this.#offsets.length > SYNCS) this.#offsets.shift();
  }

  /** Called about once a second, so that a sleep shows. */
  awake() {
    this.#awakeAt = this.#now();
  }

  /** A frame arrived as it happened. @param {string} committedAt  when its newest event was committed */
  measure(committedAt) {
    this.newest = { at: committedAt };
    const at = this.#now();
    if (at - this.#awakeAt > ASLEEP_MS) return;
    this.#frames.push({ at, committed: new Date(committedAt).getTime() });
    if (this.#frames.length > FRAMES) this.#frames.shift();
  }

  /** Of the frames since a local time, by what is known of the server's clock by now. */
  #delays(since = -Infinity) {
    const frames = this.#frames.filter(({ at }) => at >= since);
    const offset = Math.max(...this.#offsets, ...this.#frames.map(({ at, committed }) => committed - at));
    return frames.map(({ at, committed }) => Math.round(at + offset - committed));
  }

  /** The delay that so many percent of the latest frames did not exceed; null before any. @param {number} percent */
  percentile(percent) {
    const sorted = this.#delays().sort((a, b) => a - b);
    return sorted.length === 0 ? null : sorted[Math.ceil((sorted.length * percent) / 100) - 1];
  }

  /**
   * How far the server is behind now, if it is: even the fastest frame of the last seconds was late.
   * @param {number} [usual]  ms that a frame takes without anybody's fault
   * @returns {number|null}
   */
  behind(usual = 0) {
    const recent = this.#delays(this.#now() - RECENT_MS);
    const least = Math.min(...recent);
    return recent.length > 0 && least > BEHIND_MS + usual ? least : null;
  }
}
