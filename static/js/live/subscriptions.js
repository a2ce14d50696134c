/**
 * What this page follows, and where each reader stands. Subscribes until the server confirms, resumes from the reader's
 * cursor after every loss, and subscribes again from it when a gap shows. Knows frames and stores, no socket.
 */

import { ERROR, LIST_TOPIC, RESET, SERVER, subscribeList, subscribeWorkflow, unsubscribe } from "./protocol.js";

const REPEAT_MS = 5000;

/** @typedef {{after: number, seq: number, replayed: number}} Receipt */

class Subscription {
  confirmed = false;
  sentAt = -Infinity;
  /** @type {{code: string, message: string}|null} */
  refused = null;

  constructor(store) {
    this.store = store;
  }

  get request() {
    const { store } = this;
    if (store.topic === LIST_TOPIC) return subscribeList(store.filter, store.known, store.since);
    return subscribeWorkflow(store.topic, store.cursor);
  }
}

export class Subscriptions {
  /** @type {Map<string, Subscription>} */
  #all = new Map();
  #send;
  #now;

  /** @param {(text: string) => boolean} send  false when there is no connection @param {() => number} [now] */
  constructor(send, now = () => Date.now()) {
    this.#send = send;
    this.#now = now;
  }

  /** Whether the server confirmed everything that it did not refuse. */
  get settled() {
    return [...this.#all.values()].every(({ confirmed, refused }) => confirmed || refused);
  }

  /** Start to feed a store; it replaces the one that followed the same topic. @returns {() => void} stops it */
  add(store) {
    const subscription = new Subscription(store);
    this.#all.set(store.topic, subscription);
    this.#request(subscription);
    return () => {
      if (this.#all.get(store.topic) !== subscription) return;
      this.#all.delete(store.topic);
      this.#send(unsubscribe(store.topic));
    };
  }

  /** A connection was made: it knows of no subscription yet. */
  resume() {
    for (const subscription of this.#all.values()) {
      subscription.confirmed = false;
      subscription.refused = null;
      this.#request(subscription);
    }
  }

  /** Ask again for what stayed unanswered; called now and then. */
  repeat() {
    for (const subscription of this.#all.values()) {
      const overdue = this.#now() - subscription.sentAt >= REPEAT_MS;
      if (overdue && !subscription.confirmed && !subscription.refused) this.#request(subscription);
    }
  }

  /** Take one frame that has a topic. @param {object} frame @returns {Receipt|null} the server's word of completeness */
  receive(frame) {
    const subscription = this.#all.get(frame.topic);
    if (!subscription) return null;
    if (frame.t === SERVER.error) this.#refuse(subscription, frame);
    else if (frame.t === SERVER.receipt) return this.#complete(subscription, frame);
    else this.#apply(subscription, frame);
    return null;
  }

  #refuse(subscription, { code, message }) {
    subscription.refused = { code, message };
    if (code === ERROR.unknown) subscription.store.apply({ t: SERVER.reset, reason: RESET.gone });
  }

  /** A receipt beyond what arrived means that something got lost on the way; `repeat` asks again, not in a hurry. */
  #complete(subscription, { after, seq, replayed }) {
    if (subscription.store.state.seq < seq) return null;
    subscription.confirmed = true;
    return { after, seq, replayed };
  }

  #apply(subscription, frame) {
    const { kind } = subscription.store.apply(frame);
    if (kind === "gap") this.#heal(subscription);
    else if (frame.t === SERVER.snapshot || frame.t === SERVER.rows) subscription.confirmed = true;
  }

  /** While an answer is due, further frames of the broken stream are no news. */
  #heal(subscription) {
    if (!subscription.confirmed) return;
    subscription.confirmed = false;
    this.#request(subscription);
  }

  #request(subscription) {
    if (this.#send(subscription.request)) subscription.sentAt = this.#now();
  }
}
