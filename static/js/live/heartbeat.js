/**
 * Is the connection alive? Says so once when nothing was heard for LIMITS.silence_seconds. Timers of hidden tabs and
 * sleeping laptops stand still, so the age is checked against the clock, and again when the tab becomes visible.
 */

import { LIMITS } from "./protocol.js";

const CHECK_MS = 5000;

export class Heartbeat {
  #onSilence;
  #now;
  #timers;
  #page;
  #heardAt = 0;
  /** @type {number|undefined} */
  #timer;
  #check = () => {
    if (this.#timer !== undefined && this.silence >= LIMITS.silence_seconds) this.#onSilence();
  };

  /**
   * @param {() => void} onSilence
   * @param {{now?: () => number, timers?: import("./clock.js").Timers, page?: EventTarget|null}} [with_]
   */
  constructor(onSilence, { now = () => Date.now(), timers = globalThis, page = globalThis.document ?? null } = {}) {
    this.#onSilence = onSilence;
    this.#now = now;
    this.#timers = timers;
    this.#page = page;
  }

  /** Seconds since something was heard. */
  get silence() {
    return (this.#now() - this.#heardAt) / 1000;
  }

  /** Something arrived, no matter what. */
  heard() {
    this.#heardAt = this.#now();
  }

  start() {
    this.heard();
    if (this.#timer !== undefined) return;
    this.#timer = this.#timers.setInterval(this.#check, CHECK_MS);
    this.#page?.addEventListener("visibilitychange", this.#check);
  }

  stop() {
    this.#timers.clearInterval(this.#timer);
    this.#timer = undefined;
    this.#page?.removeEventListener("visibilitychange", this.#check);
  }
}
