/**
 * The socket: opens, sends, closes, and opens again after a loss. It counts and acknowledges what arrives, because the
 * server's window is about this socket; what a frame means is for others (`subscriptions.js`).
 *
 * Phases: "idle" (not started or stopped), "connecting", "open", "waiting" (for the next try), "refused" (a close code
 * that trying again would not cure; see `code`).
 */

import { HEALTHY_SECONDS, delay, spread } from "./backoff.js";
import { Heartbeat } from "./heartbeat.js";
import { CLOSE, LIMITS, SERVER, ack } from "./protocol.js";

/** How a frame's piece begins. */
const PART = `{"t":"${SERVER.part}"`;
/** @type {Set<number|null>} */
const FINAL = new Set([CLOSE.signed_out, CLOSE.forbidden]);
/**
 * The server sends everybody away at once (1001 and 1012: it stops); they must not all come back at once.
 * @type {Set<number|null>}
 */
const SENT_AWAY = new Set([1001, 1012, CLOSE.come_back]);
/** A socket that has not opened by now is given up; browsers would wait for minutes. */
const OPEN_MS = 10_000;

/** @typedef {"idle"|"connecting"|"open"|"waiting"|"refused"} Phase */

export class Connection {
  /** @type {Phase} */
  phase = "idle";
  /** Tries that failed in a row. */
  tries = 0;
  /** When the next try comes, on the local clock in ms; null unless waiting. @type {number|null} */
  retryAt = null;
  /** The last close code. @type {number|null} */
  code = null;

  /** @type {WebSocket|null} */
  #socket = null;
  #openedAt = 0;
  #retry = 0;
  #opening = 0;
  #frames = 0;
  /** Pieces of a frame that came so far. @type {string[]} */
  #parts = [];
  #unacknowledged = 0;
  /** @type {number|undefined} */
  #ack;

  /**
   * @param {() => WebSocket} makeSocket
   * @param {{onPhase: () => void, onText: (text: string) => void}} handlers
   * @param {{now?: () => number, random?: () => number, timers?: import("./clock.js").Timers,
   *   page?: EventTarget|null}} [options]  for tests
   */
  constructor(makeSocket, handlers, { now = () => Date.now(), random = Math.random, timers = globalThis, page } = {}) {
    this.makeSocket = makeSocket;
    this.handlers = handlers;
    this.now = now;
    this.random = random;
    this.timers = timers;
    this.heartbeat = new Heartbeat(() => this.#lost(null), { now, timers, page });
  }

  /** Connect, now; while waiting for the next try, do not wait. */
  open() {
    if (this.#socket) return;
    this.timers.clearTimeout(this.#retry);
    this.retryAt = null;
    this.#listen((this.#socket = this.makeSocket()));
    this.#opening = this.timers.setTimeout(() => this.#lost(null), OPEN_MS);
    this.#enter("connecting");
  }

  /** Disconnect and stay so. */
  close() {
    this.timers.clearTimeout(this.#retry);
    this.retryAt = null;
    this.#drop();
    this.#enter("idle");
  }

  /** @param {string} text @returns {boolean} whether it was handed to an open socket */
  send(text) {
    if (this.phase !== "open") return false;
    this.#socket?.send(text);
    return true;
  }

  /** @param {WebSocket} socket */
  #listen(socket) {
    /** @template E @param {(event: E) => void} act @returns {(event: E) => void} */
    const current = (act) => (event) => {
      if (socket === this.#socket) act(event);
    };
    socket.onopen = current(() => this.#opened());
    socket.onmessage = current((/** @type {MessageEvent<string>} */ { data }) => this.#received(data));
    socket.onclose = current((/** @type {CloseEvent} */ { code }) => this.#lost(code));
  }

  #opened() {
    this.timers.clearTimeout(this.#opening);
    this.#openedAt = this.now();
    this.#frames = this.#unacknowledged = 0;
    this.#parts = [];
    this.heartbeat.start();
    this.#enter("open");
  }

  /** @param {string} text */
  #received(text) {
    this.heartbeat.heard();
    this.#frames += 1;
    this.#unacknowledged += text.length;
    if (this.#unacknowledged >= LIMITS.ack_bytes) this.#acknowledge();
    else this.#ack ??= this.timers.setTimeout(() => this.#acknowledge(), this.#patience());
    const whole = text.startsWith(PART) ? this.#joined(JSON.parse(text)) : text;
    if (whole !== null) this.handlers.onText(whole);
  }

  /** @param {import("./protocol.js").Part} part @returns {string|null} the whole, once it is there */
  #joined({ n, of, text }) {
    this.#parts.push(text);
    return n < of ? null : this.#parts.splice(0).join("");
  }

  /** Milliseconds until the next acknowledgement: never all pages' at once. */
  #patience() {
    return LIMITS.ack_seconds * 1000 * (1 - this.random() / 2);
  }

  #acknowledge() {
    this.timers.clearTimeout(this.#ack);
    this.#ack = undefined;
    this.#unacknowledged = 0;
    this.send(ack(this.#frames));
  }

  /** The socket ended, or fell silent (code null). @param {number|null} code */
  #lost(code) {
    const healthy = this.phase === "open" && this.now() - this.#openedAt >= HEALTHY_SECONDS * 1000;
    this.#drop();
    this.code = code;
    if (FINAL.has(code)) return this.#enter("refused");
    this.tries = healthy ? 1 : this.tries + 1;
    const least = SENT_AWAY.has(code) ? spread(this.random) : 0;
    const wait = Math.max(least, delay(this.tries, this.random)) * 1000;
    this.retryAt = this.now() + wait;
    this.#retry = this.timers.setTimeout(() => this.open(), wait);
    this.#enter("waiting");
  }

  #drop() {
    this.heartbeat.stop();
    this.timers.clearTimeout(this.#opening);
    this.timers.clearTimeout(this.#ack);
    this.#ack = undefined;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.phase = phase;
    this.handlers.onPhase();
  }
}
