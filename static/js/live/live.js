/**
 * The live connection of a page, as one object: joins carrier, subscriptions and clock, and tells people how it is.
 * Made once, by `main.js`; elements get it from there. Touches no document.
 *
 *   const live = new Live({socketUrl: "wss://…/ws/live/", post, clock});
 *   live.follow(store);                    // WorkflowStore or ListStore; returns a function that stops it
 *   live.subscribe(state => …);            // now and after every change (`standing.js`); returns what stops it
 *   live.start();
 */

import { Carrier } from "./carrier.js";
import { Delays } from "./delays.js";
import { SERVER, pong } from "./protocol.js";
import { Standing } from "./standing.js";
import { Subscriptions } from "./subscriptions.js";

const TICK_MS = 1000;

export class Live {
  /** @type {import("./standing.js").LiveState} */
  state;

  /** @type {Set<(state: Live["state"]) => void>} */
  #listeners = new Set();
  #standing;
  /** @type {number|undefined} */
  #ticking;
  #wake = () => this.retry();

  /**
   * @param {{socketUrl: string, post: (body: string, signal: AbortSignal) => Promise<Response>,
   *   clock: import("./clock.js").Clock, makeSocket?: (url: string) => WebSocket, now?: () => number,
   *   steady?: () => number, random?: () => number, timers?: import("./clock.js").Timers,
   *   page?: EventTarget|null, network?: EventTarget}} options
   *   `post` sends a request of the polling carrier; `network` tells when the machine is online again
   */
  constructor({ socketUrl, post, clock, makeSocket = (to) => new WebSocket(to), now = () => Date.now(), ...rest }) {
    this.clock = clock;
    this.now = now;
    this.timers = rest.timers ?? globalThis;
    this.network = rest.network ?? globalThis;
    /** Local ms when something moved last, or the page was opened. */
    this.movedAt = now();
    this.delays = new Delays(rest.steady);
    this.#standing = new Standing(now);
    const handlers = {
      onPhase: () => this.#phaseChanged(),
      onFrame: (/** @type {import("./protocol.js").Frame} */ frame) => this.#received(frame),
      requests: () => this.subscriptions.requests,
    };
    this.carrier = new Carrier({ makeSocket: () => makeSocket(socketUrl), post }, handlers, { now, ...rest });
    // Before the server's hello nothing is subscribed, so that `resume` asks for everything exactly once.
    this.subscriptions = new Subscriptions((text) => this.state.name === "live" && this.carrier.send(text), now);
    this.state = this.#standing.state(this.carrier, 0, null);
  }

  start() {
    this.carrier.open();
    this.#ticking ??= this.timers.setInterval(() => this.#tick(), TICK_MS);
    this.network.addEventListener?.("online", this.#wake);
  }

  stop() {
    this.timers.clearInterval(this.#ticking);
    this.#ticking = undefined;
    this.network.removeEventListener?.("online", this.#wake);
    this.carrier.close();
  }

  /** Try to connect at once, because a person asked or the network came back. */
  retry() {
    this.carrier.retry();
  }

  /** Let everything stand still; the cursors stay. */
  pause() {
    if (this.#standing.isPaused) return;
    this.#standing.pause();
    this.subscriptions.hold();
    this.#publish();
  }

  /** Go on from the cursors: what came meanwhile is replayed. */
  unpause() {
    if (!this.#standing.isPaused) return;
    this.#standing.unpause();
    this.#publish();
    this.subscriptions.release();
  }

  /** Keep it up to date. @param {import("./subscriptions.js").Followed} store @returns {() => void} stops it */
  follow(store) {
    return this.subscriptions.add(store);
  }

  /** @param {(state: Live["state"]) => void} listener  called now and after every change @returns {() => void} stops it */
  subscribe(listener) {
    this.#listeners.add(listener);
    listener(this.state);
    return () => this.#listeners.delete(listener);
  }

  /** @param {import("./protocol.js").Frame} frame */
  #received(frame) {
    if (frame.t === SERVER.hello) this.#greeted(frame);
    else if (frame.t === SERVER.ping) this.#pinged(frame);
    else if ("topic" in frame && frame.topic) this.#followed(this.subscriptions.receive(frame));
  }

  /** @param {import("./protocol.js").Hello} frame */
  #greeted({ server_time }) {
    this.#sync(server_time);
    this.#standing.greet();
    this.#publish();
    this.subscriptions.resume();
  }

  /** @param {import("./protocol.js").Ping} frame */
  #pinged({ n, server_time }) {
    this.#sync(server_time);
    this.carrier.send(pong(n));
  }

  /** @param {string} serverTime */
  #sync(serverTime) {
    this.clock.correct(serverTime);
    this.delays.sync(serverTime);
  }

  /** @param {import("./subscriptions.js").Outcome} outcome */
  #followed(outcome) {
    if (outcome.committedAt) this.delays.measure(outcome.committedAt);
    if (outcome.moved) this.movedAt = this.now();
    const isNews = this.#standing.take(outcome, () => this.subscriptions.settled);
    if (isNews || this.subscriptions.waiting !== this.state.waiting) this.#publish();
  }

  #tick() {
    this.delays.awake();
    this.subscriptions.repeat();
  }

  #phaseChanged() {
    const { phase, tries } = this.carrier;
    if (phase !== "open" && (tries > 0 || this.#standing.wasLive)) this.#standing.lose();
    this.#publish();
  }

  #publish() {
    if (this.#standing.isStill) this.clock.freeze();
    else this.clock.thaw();
    const asOf = this.clock.frozen ? this.clock.now() : null;
    this.state = this.#standing.state(this.carrier, this.subscriptions.waiting, asOf);
    for (const listener of [...this.#listeners]) listener(this.state);
  }
}
