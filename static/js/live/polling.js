/**
 * The carrier for where no WebSocket passes: asks over HTTP what is new, every two seconds, never twice at once.
 *
 * Stateless on the server: each request carries every subscription with its cursor. Phases and errors are those of
 * `connection.js`; "connecting" is also a request whose answer is late.
 */

import { parse } from "../lib/exact.js";
import { delay } from "./backoff.js";
import { CLOSE, LIMITS, SERVER, VERSION } from "./protocol.js";

/** Between two requests. */
export const PERIOD_MS = 2_000;
const HIDDEN_PERIOD_MS = 10_000;
/** Before the rest of an incomplete answer is asked for. */
const AT_ONCE_MS = 50;
/** An answer that takes longer is late, and what is on the screen is old. */
const LATE_MS = 10_000;
const GIVE_UP_MS = 60_000;
const REFUSALS = /** @type {Record<number, number>} */ ({ 401: CLOSE.signed_out, 403: CLOSE.forbidden });

/** @typedef {import("./protocol.js").Frame} Frame @typedef {import("./clock.js").Timers} Timers */

export class Polling {
  /** @type {import("./connection.js").Phase} */
  phase = "idle";
  /** Requests that failed in a row. */
  tries = 0;
  /** @type {number|null} */
  retryAt = null;
  /** @type {number|null} */
  code = null;
  /** Whether a server answered since it was opened: until then nobody knows whether polling is of any use. */
  isProven = false;

  #post;
  #handlers;
  #now;
  #random;
  #timers;
  #page;
  /** The request under way. @type {AbortController|null} */
  #asking = null;
  #next = 0;
  #answeredAt = 0;
  /** Something was subscribed to while a request was under way. */
  #wanted = false;
  #delivering = false;
  #onVisible = () => this.#seen();

  /**
   * @param {(body: string, signal: AbortSignal) => Promise<Response>} post
   * @param {{onPhase: () => void, onFrame: (frame: Frame) => void, requests: () => string[]}} handlers
   * @param {{now?: () => number, random?: () => number, timers?: Timers, page?: EventTarget|null}} [options]  for tests
   */
  constructor(post, handlers, { now = () => Date.now(), random = Math.random, timers = globalThis, page } = {}) {
    this.#post = post;
    this.#handlers = handlers;
    this.#now = now;
    this.#random = random;
    this.#timers = timers;
    this.#page = page === undefined ? (globalThis.document ?? null) : page;
  }

  /** Begin to ask; while waiting for the next try, do not wait. */
  open() {
    if (this.phase === "idle") this.#page?.addEventListener("visibilitychange", this.#onVisible);
    if (this.phase === "idle" || this.phase === "waiting") this.#ask();
  }

  /** Stop; what is under way is not heard. */
  close() {
    if (this.phase === "idle") return;
    this.#stop();
    this.isProven = false;
    this.#enter("idle");
  }

  /** What is subscribed to is in every request; something new is asked for at once. @param {string} _text */
  send(_text) {
    if (this.phase !== "open") return false;
    if (this.#asking) this.#wanted = true;
    else if (!this.#delivering) this.#schedule(0);
    return true;
  }

  async #ask() {
    if (this.#asking) return;
    this.#timers.clearTimeout(this.#next);
    this.retryAt = null;
    this.#wanted = false;
    const asking = (this.#asking = new AbortController());
    if (this.phase !== "open") this.#enter("connecting");
    const late = this.#timers.setTimeout(() => this.#enter("connecting"), LATE_MS);
    const tooLate = this.#timers.setTimeout(() => asking.abort(), GIVE_UP_MS);
    const requests = this.#handlers.requests();
    const answer = await this.#answer(requests, asking.signal);
    this.#timers.clearTimeout(late);
    this.#timers.clearTimeout(tooLate);
    if (asking !== this.#asking) return; // closed meanwhile
    this.#asking = null;
    if (answer.frames) this.#deliver(answer.frames, isComplete(requests, answer.frames));
    else if (answer.code) this.#refused(answer.code);
    else this.#failed(answer.retryAfter);
  }

  /**
   * @param {string[]} requests @param {AbortSignal} signal
   * @returns {Promise<{frames?: Frame[], code?: number, retryAfter?: number}>} one of the first two, or none
   */
  async #answer(requests, signal) {
    try {
      const body = `{"version":${VERSION},"subscriptions":[${requests.join(",")}]}`;
      const response = await this.#post(body, signal);
      if (response.ok) return { frames: parse(await response.text()).frames };
      const retryAfter = Number(response.headers.get("retry-after")) * 1000 || 0;
      // Only our server's own refusal is final: a proxy on the way answers 403, too.
      const { code } = response.status in REFUSALS ? await response.json() : { code: null };
      return code === REFUSALS[response.status] ? { code } : { retryAfter };
    } catch {
      return {};
    }
  }

  /** Only the first hello is news; later ones are a heartbeat. @param {Frame[]} frames @param {boolean} isWhole */
  #deliver(frames, isWhole) {
    const isNew = this.phase !== "open";
    this.tries = 0;
    this.isProven = true;
    this.#answeredAt = this.#now();
    this.#enter("open");
    this.#delivering = true;
    for (const frame of frames) {
      const isHeartbeat = frame.t === SERVER.hello && !isNew;
      this.#handlers.onFrame(isHeartbeat ? { t: SERVER.ping, n: 0, server_time: frame.server_time } : frame);
    }
    this.#delivering = false;
    if (this.phase === "open" && !this.#asking) this.#schedule(this.#wanted || !isWhole ? AT_ONCE_MS : this.#period);
  }

  #failed(retryAfter = 0) {
    this.tries += 1;
    const wait = Math.max(retryAfter, delay(this.tries, this.#random) * 1000);
    this.retryAt = this.#now() + wait;
    this.#schedule(wait);
    this.#enter("waiting");
  }

  /** @param {number} code */
  #refused(code) {
    this.#stop();
    this.code = code;
    this.isProven = true;
    this.#enter("refused");
  }

  /** @param {number} ms */
  #schedule(ms) {
    this.#timers.clearTimeout(this.#next);
    this.#next = this.#timers.setTimeout(() => this.#ask(), ms);
  }

  get #period() {
    return /** @type {Document|null} */ (this.#page)?.hidden ? HIDDEN_PERIOD_MS : PERIOD_MS;
  }

  /** Whoever looks again must not look at what is old. */
  #seen() {
    if (this.phase !== "open" || /** @type {Document} */ (this.#page).hidden) return;
    if (this.#now() - this.#answeredAt > LIMITS.silence_seconds * 1000) this.#enter("connecting");
    if (!this.#asking) this.#schedule(0);
  }

  #stop() {
    this.#timers.clearTimeout(this.#next);
    this.retryAt = null;
    this.#page?.removeEventListener("visibilitychange", this.#onVisible);
    const asking = this.#asking;
    this.#asking = null;
    asking?.abort();
  }

  /** @param {import("./connection.js").Phase} phase */
  #enter(phase) {
    if (phase === this.phase) return;
    this.phase = phase;
    this.#handlers.onPhase();
  }
}

/**
 * Whether the answer is all there is: of a history its receipt or snapshot came, of everything else something did. What
 * did not fit was left out.
 * @param {string[]} requests @param {Frame[]} frames
 */
function isComplete(requests, frames) {
  const complete = new Set(frames.map((frame) => (frame.t !== SERVER.events && "topic" in frame ? frame.topic : null)));
  return requests.every((request) => complete.has(JSON.parse(request).topic));
}
