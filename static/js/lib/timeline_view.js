/**
 * Which part of the time axis is in sight. Whole: all of it; follow: its end, as time goes on; inspect: what somebody
 * chose, and nothing moves it. Pure. Places and lengths are milliseconds on the axis.
 */

const SHORTEST_MS = 20;
const FOLLOWED_SHARE = 1 / 5;
const LEAST_FOLLOWED_MS = 10_000;
/** Of what is in sight while it follows, so much is yet to come. */
const AHEAD = 1 / 10;

export class TimelineView {
  /** @type {"whole"|"follow"|"inspect"} */
  mode = "whole";
  #followed = false;
  #first = 0;
  #length = 0;
  #total = 1;
  #now = 0;

  /** The axis as it is now. @param {number} total @param {number} now  the place that time has reached */
  fit(total, now) {
    [this.#total, this.#now] = [Math.max(1, total), now];
  }

  /** What is in sight. */
  get window() {
    if (this.mode === "whole") return { first: 0, length: this.#total };
    const length = Math.round(Math.min(this.#length, this.#total));
    const first = this.mode === "follow" ? this.#now - length * (1 - AHEAD) : this.#first;
    return { first: Math.round(Math.min(Math.max(0, first), this.#total - length)), length };
  }

  whole() {
    this.mode = "whole";
    this.#followed = false;
  }

  follow() {
    if (this.mode !== "inspect") this.#length = Math.max(LEAST_FOLLOWED_MS, this.#total * FOLLOWED_SHARE);
    this.mode = "follow";
  }

  /** Whether a hand took it away from the live end. */
  get isReleased() {
    return this.#followed && this.mode === "inspect";
  }

  /** @param {number} first @param {number} length */
  select(first, length) {
    if (this.mode === "follow") this.#followed = true;
    this.mode = "inspect";
    this.#length = Math.min(this.#total, Math.max(SHORTEST_MS, length));
    this.#first = Math.min(Math.max(0, first), this.#total - this.#length);
  }

  /** @param {number} share  of what is in sight: positive is later */
  pan(share) {
    const { first, length } = this.window;
    this.select(first + share * length, length);
  }

  /** @param {number} factor  above 1: nearer @param {number} [around]  the share of what is in sight that stays */
  zoom(factor, around = 0.5) {
    const { first, length } = this.window;
    const next = Math.max(SHORTEST_MS, length / factor);
    if (next >= this.#total) this.whole();
    else this.select(first + (length - next) * around, next);
  }
}
