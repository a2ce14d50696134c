/**
 * What carries the frames: the WebSocket where it can be had, else polling, behind one interface. Polling begins when
 * sockets keep failing; the socket goes on being tried, and its hello ends the polling.
 */

import { parse } from "../lib/exact.js";
import { Connection } from "./connection.js";
import { Polling } from "./polling.js";
import { SERVER } from "./protocol.js";

/** Losses in a row before polling steps in: where no socket was ever greeted, and where one was. */
const LOSSES_UNGREETED = 2;
const LOSSES = 5;
/** A socket without a hello by now may be stuck in a proxy; polling need not wait for its end. */
const PATIENCE_MS = 3_000;

/** @typedef {import("./protocol.js").Frame} Frame */

export class Carrier {
  #handlers;
  #timers;
  #wasGreeted = false;
  #impatience = 0;

  /**
   * @param {{makeSocket: () => WebSocket, post: (body: string, signal: AbortSignal) => Promise<Response>}} network
   * @param {{onPhase: () => void, onFrame: (frame: Frame) => void, requests: () => string[]}} handlers
   *   `requests`: every subscription as its subscribe message, for a carrier that remembers none
   * @param {{now?: () => number, random?: () => number, timers?: import("./clock.js").Timers,
   *   page?: EventTarget|null}} [options]  for tests
   */
  constructor({ makeSocket, post }, handlers, options = {}) {
    this.#handlers = handlers;
    this.#timers = options.timers ?? globalThis;
    const onText = (/** @type {string} */ text) => this.#heard(parse(text));
    this.socket = new Connection(makeSocket, { onPhase: () => this.#socketChanged(), onText }, options);
    const { onFrame, requests } = handlers;
    this.polling = new Polling(post, { onPhase: () => this.#pollingChanged(), onFrame, requests }, options);
  }

  /** @returns {"websocket"|"polling"} */
  get transport() {
    return this.polling.isProven ? "polling" : "websocket";
  }

  /** Phase, tries, retryAt and code are those of the carrier in use. */
  get #current() {
    return this.polling.isProven ? this.polling : this.socket;
  }

  get phase() {
    return this.#current.phase;
  }

  get tries() {
    return this.#current.tries;
  }

  get retryAt() {
    return this.#current.retryAt;
  }

  get code() {
    return this.#current.code;
  }

  open() {
    this.socket.open();
  }

  close() {
    this.#timers.clearTimeout(this.#impatience);
    this.polling.close();
    this.socket.close();
  }

  /** Do not wait for the next try. */
  retry() {
    for (const one of [this.socket, this.polling]) if (one.phase === "waiting") one.open();
  }

  /** @param {string} text @returns {boolean} whether there was a connection to hand it to */
  send(text) {
    return this.#current.send(text);
  }

  /** @param {Frame} frame */
  #heard(frame) {
    if (frame.t === SERVER.hello) {
      this.#timers.clearTimeout(this.#impatience);
      this.#wasGreeted = true;
      this.polling.close();
    }
    this.#handlers.onFrame(frame);
  }

  #socketChanged() {
    const { phase, tries } = this.socket;
    if (phase !== "open") this.#timers.clearTimeout(this.#impatience);
    if (phase === "connecting") this.#impatience = this.#timers.setTimeout(() => this.#poll(), PATIENCE_MS);
    if (phase === "refused") this.polling.close();
    if (phase === "waiting" && tries >= (this.#wasGreeted ? LOSSES : LOSSES_UNGREETED)) this.#poll();
    if (this.transport === "websocket") this.#handlers.onPhase();
  }

  /** Once it has begun, it waits by itself; a socket's failure is no reason to hurry it. */
  #poll() {
    if (this.polling.phase === "idle") this.polling.open();
  }

  #pollingChanged() {
    if (this.polling.phase === "refused") this.socket.close();
    this.#handlers.onPhase();
  }
}
