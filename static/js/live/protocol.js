/**
 * The wire words of the live connection, protocol version 1. The twin of `dashboard/protocol.py`, word for word
 * (`tests/js/protocol.test.js` compares them). Owns spelling and limits; knows no socket and no store.
 */

export const VERSION = 1;

/** What the browser says. */
export const CLIENT = Object.freeze({ subscribe: "subscribe", unsubscribe: "unsubscribe", ack: "ack", pong: "pong" });

/** What the server says. */
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

/** Why a stream starts again from a snapshot; after `gone` there is none. */
export const RESET = Object.freeze({ epoch: "epoch", ahead: "ahead", trimmed: "trimmed", gone: "gone" });

/** Why a message was refused. A workflow one may not see is `unknown`. */
export const ERROR = Object.freeze({ unknown: "unknown", limit: "limit", bad: "bad" });

export const CLOSE = Object.freeze({
  signed_out: 4401,
  forbidden: 4403,
  come_back: 4408,
  too_big: 4413,
  flood: 4429,
  too_many: 4430,
});

/** Sizes in bytes, times in seconds. */
export const LIMITS = Object.freeze({
  subscriptions: 128,
  list_rows: 200,
  list_keys: 16,
  client_message_bytes: 65536,
  unacknowledged_bytes: 524288,
  message_characters: 245760,
  snapshot_events: 200,
  heartbeat_seconds: 15,
  silence_seconds: 25,
  stream_heartbeat_seconds: 15,
  stream_seconds: 600,
  ack_seconds: 5,
  ack_bytes: 65536,
});

/** The topic of the list of workflows. */
export const LIST_TOPIC = "workflows";

/** @type {readonly string[]} The topics that are states and no streams. */
export const OVERVIEW_TOPICS = Object.freeze(["counters", "queues", "workers", "schedules", "bulk", "views"]);

/**
 * @typedef {{epoch: string, seq: number}} Cursor  the last event a reader has, and in which history
 * @typedef {Record<string, any>} EventData  what the kind of the event says it is; of an unknown kind, whatever it is
 * @typedef {[seq: number, at: string, kind: string, position: number|null, key: string|null,
 *   data: EventData]} WireEvent  times are ISO 8601 everywhere
 * @typedef {{status: string[], definition: string, search: string, since?: string, parent?: string,
 *   where?: [key: string, how: string, operand: string][]}} ListFilter
 */

/**
 * What the server says, a type for each of its TypedDicts, in their order (`tests/js/protocol.test.js` compares them).
 *
 * @typedef {{t: "hello", version: number, server_time: string, heartbeat: number}} Hello
 * @typedef {{t: "snapshot", topic: string, epoch: string, seq: number, state: State, events: WireEvent[]}} Snapshot
 * @typedef {{t: "events", topic: string, epoch: string, from: number, to: number, events: WireEvent[]}} Events
 * @typedef {{t: "receipt", topic: string, epoch: string, after: number, seq: number, replayed: number}} Receipt
 * @typedef {{t: "reset", topic: string, reason: keyof typeof RESET}} Reset
 * @typedef {{t: "rows", topic: string, rows: Summary[], fresh: [id: string, status: string, definition: string][],
 *   more: boolean}} Rows
 * @typedef {{t: "overview", topic: string, version: number, whole: boolean, cells: Record<string, unknown>}} Overview
 * @typedef {{t: "ping", n: number, server_time: string}} Ping
 * @typedef {{t: "error", topic: string|null, code: keyof typeof ERROR, message: string}} Refusal
 * @typedef {{t: "part", n: number, of: number, text: string}} Part
 * @typedef {{t: "close", code: number}} Close
 *
 * @typedef {Snapshot|Events|Receipt|Reset|Rows|Overview} TopicFrame  what stores take
 * @typedef {Hello|TopicFrame|Ping|Refusal|Part|Close} Frame
 */

/**
 * What frames carry: a workflow as its page knows it, and as a row of the list. Before its first event a workflow has
 * nothing but its id; no page shows that.
 *
 * @typedef {{type: string, message?: string, traceback?: string}} ErrorRecord
 * @typedef {{for: string, name?: string|null, workflow?: string|null, position?: number|null, since: string,
 *   until?: string|null}} Waiting
 * @typedef {{seq: number, kind: string, key: string|null, position: number|null, name: string|null,
 *   at: string}} LastEvent
 * @typedef {{id: string, definition: string, queue: string, status: string, created_at: string,
 *   started_at: string|null, finished_at: string|null, worker: string|null, waiting: Waiting|null,
 *   error: ErrorRecord|null, last_event: LastEvent|null, wake_at: string|null, deadline_at: string|null,
 *   version: string|null, takeovers: number}} Workflow
 * @typedef {{value: unknown, seq: number, at: string, sets: number, hidden?: boolean}} Value
 * @typedef {{position: number, name: string, status: string, attempt: number, worker: string, started_at: string,
 *   attempt_started_at: string, finished_at: string|null, next_attempt_at: string|null, error: ErrorRecord|null}} Step
 * @typedef {{seq: number, workflow: Workflow, values: Record<string, Value>, steps: Record<string, Step>}} State
 * @typedef {{id: string, seq: number, status: string, definition: string, created_at: string, started_at: string|null,
 *   finished_at: string|null, status_at: string, progress: unknown, phase: unknown, last_event: LastEvent|null,
 *   waiting: Waiting|null, error: string|null, pinned: boolean, values?: Record<string, unknown>}} Summary
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
 * @param {string[]} [keys]  whose values come with each row, at most LIMITS.list_keys
 */
export function subscribeList(filter, ids, since, keys = []) {
  const values = keys.length > 0 ? { keys } : {};
  return JSON.stringify({ t: CLIENT.subscribe, topic: LIST_TOPIC, filter, ids, since, ...values });
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
