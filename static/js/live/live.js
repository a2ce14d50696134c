/**
 * The live connection of a page, as one object: joins socket, subscriptions and clock, and tells people how it is.
 * Made once, by `main.js`; elements get it from there. Touches no document.
 *
 *   const clock = new Clock(serverTimeOfThePage);
 *   const live = new Live({url: "wss://…/ws/live/", clock});
 *   live.follow(store);                    // WorkflowStore or ListStore; returns a function that stops it
 *   live.subscribe(state => …);            // now and after every change; returns a function that stops it
 *   live.start();
 *
 * `live.state`, a new frozen object on every change:
 *   name      "connecting" (first time) | "live" | "reconnecting" | "signed_out" | "forbidden"
 *   tries     losses in a row, not reset before a connection lived for 30 s
 *   retryAt   local ms (Date.now()) of the next try, or null while trying
 *   asOf      server time (ms) of what is on the screen while not live, else null; `clock.now()` equals it
 *   lostAt    local ms when the connection was lost, else null
 *   caughtUp  null, or {replayed, after, seq, topics} once a reconnect is complete for every followed workflow:
 *             `replayed` events in all, `after`/`seq` those of the topic with most. Stays until the next loss.
 */

import { Connection } from "./connection.js";
import { CLOSE, SERVER, pong } from "./protocol.js";
import { Subscriptions } from "./subscriptions.js";

const REPEAT_CHECK_MS = 1000;

/** @typedef {import("./subscriptions.js").Receipt} Receipt */
/**
 * @typedef {{name: string, tries: number, retryAt: number|null, asOf: number|null, lostAt: number|null,
 *   caughtUp: (Receipt & {topics: number})|null}} LiveState
 */

export class Live {
  /** @type {LiveState} */
  state = Object.freeze({ name: "connecting", tries: 0, retryAt: null, asOf: null, lostAt: null, caughtUp: null });

  #listeners = new Set();
  #wasLive = false;
  #lostAt = null;
  /** Receipts since the reconnect; null while none are awaited. @type {Receipt[]|null} */
  #receipts = null;
  #caughtUp = null;
  #repeating = null;
  #wake = () => this.retry();

  /**
   * @param {{url: string, clock: import("./clock.js").Clock, makeSocket?: (url: string) => WebSocket,
   *   now?: () => number, random?: () => number, timers?: object, page?: EventTarget|null,
   *   network?: EventTarget}} options  `network` tells when the machine is online again
   */
  constructor({ url, clock, makeSocket = (to) => new WebSocket(to), now = () => Date.now(), ...rest }) {
    const { timers = globalThis, network = globalThis } = rest;
    this.clock = clock;
    this.now = now;
    this.timers = timers;
    this.network = network;
    const handlers = { onPhase: () => this.#phaseChanged(), onText: (text) => this.#received(JSON.parse(text)) };
    this.connection = new Connection(() => makeSocket(url), handlers, { now, ...rest });
    // Before the server's hello nothing is subscribed, so that `resume` asks for everything exactly once.
    this.subscriptions = new Subscriptions((text) => this.state.name === "live" && this.connection.send(text), now);
  }

  start() {
    this.connection.open();
    this.#repeating ??= this.timers.setInterval(() => this.subscriptions.repeat(), REPEAT_CHECK_MS);
    this.network.addEventListener?.("online", this.#wake);
  }

  stop() {
    this.timers.clearInterval(this.#repeating);
    this.#repeating = null;
    this.network.removeEventListener?.("online", this.#wake);
    this.connection.close();
  }

  /** Try to connect at once, because a person asked or the network came back. */
  retry() {
    if (this.connection.phase === "waiting") this.connection.open();
  }

  /** Keep a store up to date. @returns {() => void} stops it */
  follow(store) {
    return this.subscriptions.add(store);
  }

  /** @param {(state: LiveState) => void} listener  called now and after every change @returns {() => void} stops it */
  subscribe(listener) {
    this.#listeners.add(listener);
    listener(this.state);
    return () => this.#listeners.delete(listener);
  }

  #received(frame) {
    if (frame.t === SERVER.hello) this.#greeted(frame);
    else if (frame.t === SERVER.ping) this.#pinged(frame);
    else if (frame.topic) this.#completed(this.subscriptions.receive(frame));
  }

  #greeted({ server_time }) {
    this.clock.correct(server_time);
    this.clock.thaw();
    this.#receipts = this.#wasLive ? [] : null;
    this.#wasLive = true;
    this.#lostAt = null;
    this.#publish();
    this.subscriptions.resume();
  }

  #pinged({ n, server_time }) {
    this.clock.correct(server_time);
    this.connection.send(pong(n));
  }

  #completed(receipt) {
    if (receipt !== null) this.#receipts?.push(receipt);
    if (!this.#receipts?.length || !this.subscriptions.settled) return;
    const replayed = this.#receipts.reduce((sum, one) => sum + one.replayed, 0);
    const most = this.#receipts.reduce((a, b) => (b.replayed > a.replayed ? b : a));
    this.#caughtUp = { ...most, replayed, topics: this.#receipts.length };
    this.#receipts = null;
    this.#publish();
  }

  #phaseChanged() {
    if (this.connection.phase !== "open" && this.#wasLive && this.#lostAt === null) {
      this.#lostAt = this.now();
      this.#caughtUp = this.#receipts = null;
      this.clock.freeze();
    }
    this.#publish();
  }

  #publish() {
    const { tries, retryAt } = this.connection;
    const lostAt = this.#lostAt;
    const asOf = lostAt === null ? null : this.clock.now();
    this.state = Object.freeze({ name: this.#name, tries, retryAt, asOf, lostAt, caughtUp: this.#caughtUp });
    for (const listener of [...this.#listeners]) listener(this.state);
  }

  get #name() {
    const { phase, code } = this.connection;
    if (phase === "refused") return code === CLOSE.signed_out ? "signed_out" : "forbidden";
    if (this.#lostAt !== null) return "reconnecting";
    return this.#wasLive ? "live" : "connecting";
  }
}
