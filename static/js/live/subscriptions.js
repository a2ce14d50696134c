/**
 * What this page follows, and where each reader stands. Subscribes until the server confirms, resumes from the reader's
 * cursor after every loss, and subscribes again from it when a gap shows. Knows frames and stores, no socket.
 */

import { Held } from "./held.js";
import { ERROR, RESET, SERVER, subscribeList, subscribeOverview, subscribeWorkflow, unsubscribe } from "./protocol.js";

const REPEAT_MS = 5000;

/**
 * A store that is kept up to date.
 * @typedef {import("./workflow_store.js").WorkflowStore|import("./list_store.js").ListStore|
 *   import("./overview_store.js").OverviewStore} Followed
 */
/** @typedef {import("./protocol.js").TopicFrame} TopicFrame */
/** @typedef {{after: number, seq: number, replayed: number}} Receipt */
/**
 * What a frame meant beyond its content, each part only where it applies:
 * @typedef {{receipt?: Receipt, current?: boolean, resync?: {topic: string, reason: string, seq: number},
 *   moved?: boolean, committedAt?: string}} Outcome
 *   receipt      the server's word of completeness
 *   current      a state arrived that is complete by itself
 *   resync       the view had to be rebuilt, and why
 *   moved        there was news
 *   committedAt  when the newest of that was committed, if it came as it happened
 */

class Subscription {
  confirmed = false;
  sentAt = -Infinity;
  /** @type {{code: string, message: string}|null} */
  refused = null;
  /** Why a snapshot is to come, if one is. @type {string|null} */
  reset = null;

  /** @param {Followed} store */
  constructor(store) {
    this.store = store;
  }

  get request() {
    const { store } = this;
    if ("known" in store) return subscribeList(store.filter, store.known, store.since, store.keys);
    if ("cells" in store) return subscribeOverview(store.topic);
    return subscribeWorkflow(store.topic, store.cursor);
  }
}

export class Subscriptions {
  /** @type {Map<string, Subscription>} */
  #all = new Map();
  #send;
  #now;
  /** What is held back, while it is. @type {Held|null} */
  #held = null;

  /** @param {(text: string) => boolean} send  false when there is no connection @param {() => number} [now] */
  constructor(send, now = () => Date.now()) {
    this.#send = send;
    this.#now = now;
  }

  /** Whether the server confirmed everything that it did not refuse. */
  get settled() {
    return [...this.#all.values()].every(({ confirmed, refused }) => confirmed || refused);
  }

  /** How much is held back. */
  get waiting() {
    return this.#held?.count ?? 0;
  }

  /** Every subscription as its message; none while everything is held back. @returns {string[]} */
  get requests() {
    return this.#held ? [] : [...this.#all.values()].filter(({ refused }) => !refused).map(({ request }) => request);
  }

  /**
   * Start to feed a store; it replaces the one that followed the same topic.
   * @param {Followed} store @returns {() => void} stops it
   */
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

  /** Feed no store from now on, only count. */
  hold() {
    this.#held = new Held();
  }

  /** Go on where the stores stand. */
  release() {
    this.#held = null;
    this.resume();
  }

  /** Ask again for what stayed unanswered; called now and then. */
  repeat() {
    if (this.#held) return;
    for (const subscription of this.#all.values()) {
      const overdue = this.#now() - subscription.sentAt >= REPEAT_MS;
      if (overdue && !subscription.confirmed && !subscription.refused) this.#request(subscription);
    }
  }

  /** Take one frame that has a topic. @param {TopicFrame|import("./protocol.js").Refusal} frame @returns {Outcome} */
  receive(frame) {
    const subscription = this.#all.get(frame.topic ?? "");
    if (!subscription) return {};
    if (frame.t === SERVER.error) return this.#refuse(subscription, frame);
    if (this.#held) {
      this.#held.note(frame, subscription.store);
      return { moved: true };
    }
    if (frame.t === SERVER.receipt) return this.#complete(subscription, frame);
    return this.#apply(subscription, frame);
  }

  /** @param {Subscription} subscription @param {import("./protocol.js").Refusal} frame @returns {Outcome} */
  #refuse(subscription, { code, message }) {
    subscription.refused = { code, message };
    const { store } = subscription;
    if (code === ERROR.unknown) store.apply({ t: SERVER.reset, topic: store.topic, reason: RESET.gone });
    return {};
  }

  /**
   * A receipt beyond what arrived means that something got lost on the way; `repeat` asks again, not in a hurry.
   * @param {Subscription} subscription @param {import("./protocol.js").Receipt} frame @returns {Outcome}
   */
  #complete(subscription, { after, seq, replayed }) {
    if (!("state" in subscription.store) || subscription.store.state.seq < seq) return {};
    subscription.confirmed = true;
    return { receipt: { after, seq, replayed } };
  }

  /** @param {Subscription} subscription @param {TopicFrame} frame @returns {Outcome} */
  #apply(subscription, frame) {
    const asItHappens = subscription.confirmed;
    const change = subscription.store.apply(frame);
    const kind = "kind" in change ? change.kind : "";
    if (kind === "gap") this.#heal(subscription);
    if (frame.t === SERVER.reset) subscription.reset = frame.reason;
    if (frame.t === SERVER.snapshot) return this.#rebuilt(subscription, frame);
    const committedAt = asItHappens ? newest(frame) : undefined;
    if (frame.t === SERVER.events) return kind === "events" ? { moved: true, committedAt } : {};
    if (frame.t !== SERVER.rows && frame.t !== SERVER.overview) return {};
    subscription.confirmed = true;
    if (frame.t === SERVER.overview) return { current: true, moved: Object.keys(frame.cells).length > 0 };
    return { current: true, moved: frame.rows.length + frame.fresh.length > 0, committedAt };
  }

  /** @param {Subscription} subscription @param {import("./protocol.js").Snapshot} frame @returns {Outcome} */
  #rebuilt(subscription, { topic, seq }) {
    const { reset: reason } = subscription;
    subscription.reset = null;
    subscription.confirmed = true;
    return reason ? { moved: true, resync: { topic, reason, seq } } : { moved: true, current: true };
  }

  /** While an answer is due, further frames of the broken stream are no news. @param {Subscription} subscription */
  #heal(subscription) {
    if (!subscription.confirmed) return;
    subscription.confirmed = false;
    this.#request(subscription);
  }

  /** @param {Subscription} subscription */
  #request(subscription) {
    if (this.#send(subscription.request)) subscription.sentAt = this.#now();
  }
}

/** When the newest event of a frame was committed. @param {TopicFrame} frame @returns {string|undefined} */
function newest(frame) {
  if (frame.t === SERVER.events) return frame.events.at(-1)?.[1];
  if (frame.t !== SERVER.rows) return undefined;
  const times = frame.rows.map(({ last_event }) => last_event?.at).filter((at) => at !== undefined);
  return times.sort().at(-1);
}
