/**
 * The wire words of the live connection, protocol version 1. The twin of `dashboard/protocol.py`, word for word
 * (`tests/js/protocol.test.js` compares them). Owns spelling and limits; knows no socket and no store.
 */

export const VERSION = 1;

/** @type {Readonly<Record<string, string>>} What the browser says. */
export const CLIENT = Object.freeze({ subscribe: "subscribe", unsubscribe: "unsubscribe", ack: "ack", pong: "pong" });

/** @type {Readonly<Record<string, string>>} What the server says. */
export const SERVER = Object.freeze({
  hello: "hello",
  snapshot: "snapshot",
  events: "events",
  receipt: "receipt",
  reset: "reset",
  rows: "rows",
  overview: "overview",
  ping: "ping",
  error: "error",
  part: "part",
  close: "close",
});

/** @type {Readonly<Record<string, string>>} Why a stream starts again from a snapshot; after `gone` there is none. */
export const RESET = Object.freeze({ epoch: "epoch", ahead: "ahead", trimmed: "trimmed", gone: "gone" });

/** @type {Readonly<Record<string, string>>} Why a message was refused. A workflow one may not see is `unknown`. */
export const ERROR = Object.freeze({ unknown: "unknown", limit: "limit", bad: "bad" });

/** @type {Readonly<Record<string, number>>} */
export const CLOSE = Object.freeze({
  signed_out: 4401,
  forbidden: 4403,
  come_back: 4408,
  too_big: 4413,
  flood: 4429,
  too_many: 4430,
});

/** @type {Readonly<Record<string, number>>} Sizes in bytes, times in seconds. */
export const LIMITS = Object.freeze({
  subscriptions: 128,
  list_rows: 200,
  client_message_bytes: 65536,
  unacknowledged_bytes: 524288,
  message_characters: 245760,
  snapshot_events: 200,
  heartbeat_seconds: 20,
  silence_seconds: 30,
  stream_heartbeat_seconds: 15,
  stream_seconds: 600,
  ack_seconds: 5,
  ack_bytes: 65536,
});

/** The topic of the list of workflows. */
export const LIST_TOPIC = "workflows";

/** @type {readonly string[]} The topics that are states and no streams. */
export const OVERVIEW_TOPICS = Object.freeze(["counters", "queues", "workers"]);

/**
 * @typedef {{epoch: string, seq: number}} Cursor  the last event a reader has, and in which history
 * @typedef {[number, string, string, number|null, string|null, Object<string, any>]} WireEvent
 *   seq, at (ISO 8601), kind, position, key, data
 * @typedef {{status: string[], definition: string, search: string}} ListFilter
 */

/** @param {string} id @returns {string} The topic of one workflow. */
export function workflowTopic(id) {
  return `workflow:${id}`;
}

/** @param {string} topic @param {Cursor|null} at  where the reader stands; null asks for a snapshot */
export function subscribeWorkflow(topic, at) {
  return JSON.stringify(at ? { t: CLIENT.subscribe, topic, at } : { t: CLIENT.subscribe, topic });
}

/**
 * @param {ListFilter} filter
 * @param {[string, number][]} ids  the visible rows and the seq each was drawn at, at most LIMITS.list_rows
 * @param {string} since  ISO time at which the page's rows were read
 */
export function subscribeList(filter, ids, since) {
  return JSON.stringify({ t: CLIENT.subscribe, topic: LIST_TOPIC, filter, ids, since });
}

/** @param {string} topic  one of OVERVIEW_TOPICS */
export function subscribeOverview(topic) {
  return JSON.stringify({ t: CLIENT.subscribe, topic });
}

/** @param {string} topic */
export function unsubscribe(topic) {
  return JSON.stringify({ t: CLIENT.unsubscribe, topic });
}

/** @param {number} frames  how many frames have arrived on this connection so far */
export function ack(frames) {
  return JSON.stringify({ t: CLIENT.ack, frames });
}

/** @param {number} n  the number of the ping that is answered */
export function pong(n) {
  return JSON.stringify({ t: CLIENT.pong, n });
}
