/**
 * How a page stands towards what it shows: live, lost or paused, since when, and what came of the last catching up.
 * Pure; `live.js` tells it what happens.
 *
 * A `LiveState`, a new frozen object every time:
 *   name      "connecting" (first try) | "live" | "reconnecting" | "signed_out" | "forbidden"
 *   transport "websocket" | "polling"
 *   tries     losses in a row, not reset before a socket lived for 30 s
 *   retryAt   local ms (Date.now()) of the next try, or null while trying
 *   asOf      server time (ms) of what is on the screen while that stands still, else null; `clock.now()` equals it
 *   paused    whether the reader paused it; `waiting` counts what came since
 *   caughtUp  null, or what was replayed after the last loss or pause (`catch_up.js`); stays until the next one
 *   resync    null, or {topic, reason, seq} of the last view that had to be rebuilt from a snapshot
 */

import { CatchUp } from "./catch_up.js";
import { CLOSE } from "./protocol.js";

/** @typedef {import("./catch_up.js").CaughtUp} CaughtUp */
/**
 * @typedef {Readonly<{name: "connecting"|"live"|"reconnecting"|"signed_out"|"forbidden",
 *   transport: "websocket"|"polling", tries: number, retryAt: number|null, asOf: number|null,
 *   paused: boolean, waiting: number, caughtUp: CaughtUp|null,
 *   resync: {topic: string, reason: string, seq: number}|null}>} LiveState
 */

export class Standing {
  #now;
  #wasLive = false;
  /** Local ms, as all times here. @type {number|null} */
  #lostAt = null;
  /** @type {number|null} */
  #pausedAt = null;
  #catchUp = new CatchUp();
  /** @type {CaughtUp|null} */
  #caughtUp = null;
  /** @type {LiveState["resync"]} */
  #resync = null;

  /** @param {() => number} now  the local clock in ms */
  constructor(now) {
    this.#now = now;
  }

  /** Whether what is on the screen stands still. */
  get isStill() {
    return this.#lostAt !== null || this.#pausedAt !== null;
  }

  get wasLive() {
    return this.#wasLive;
  }

  get isPaused() {
    return this.#pausedAt !== null;
  }

  pause() {
    this.#pausedAt = this.#now();
  }

  unpause() {
    this.#catchUp.begin("pause", this.#now() - (this.#pausedAt ?? 0));
    this.#pausedAt = null;
  }

  /** The server said hello. */
  greet() {
    if (this.#wasLive && this.#lostAt !== null) this.#catchUp.begin("loss", this.#now() - this.#lostAt);
    this.#wasLive = true;
    this.#lostAt = null;
  }

  /** There is no connection now: whether there was one before makes no difference to who looks. */
  lose() {
    if (this.#lostAt !== null) return;
    this.#lostAt = this.#now();
    this.#caughtUp = null;
    this.#catchUp.cancel();
  }

  /**
   * @param {import("./subscriptions.js").Outcome} outcome  of one frame
   * @param {() => boolean} isSettled  whether everything followed is complete
   * @returns {boolean} whether people should hear of it
   */
  take(outcome, isSettled) {
    const caughtUp = this.#catchUp.take(outcome, isSettled);
    if (caughtUp) this.#caughtUp = caughtUp;
    if (outcome.resync) this.#resync = outcome.resync;
    return Boolean(caughtUp || outcome.resync);
  }

  /**
   * @param {import("./carrier.js").Carrier} carrier @param {number} waiting @param {number|null} asOf
   * @returns {LiveState}
   */
  state(carrier, waiting, asOf) {
    const { transport, tries, retryAt } = carrier;
    const said = { paused: this.isPaused, waiting, caughtUp: this.#caughtUp, resync: this.#resync };
    return Object.freeze({ name: this.#name(carrier), transport, tries, retryAt, asOf, ...said });
  }

  /** @param {import("./carrier.js").Carrier} carrier @returns {LiveState["name"]} */
  #name({ phase, code }) {
    if (phase === "refused") return code === CLOSE.signed_out ? "signed_out" : "forbidden";
    if (this.#lostAt !== null) return "reconnecting";
    return this.#wasLive ? "live" : "connecting";
  }
}
