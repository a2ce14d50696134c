/** One event of the history as a row. Pure; the twin of `dashboard/presenters/history.py`. */

import { errorLine } from "./sentences.js";
import { clock } from "./times.js";
import { brief, diff, first } from "./values.js";

/** @typedef {import("../live/protocol.js").WireEvent} WireEvent */
/** @typedef {{subject?: string, detail?: string}} Words */
/**
 * @typedef {{seq: number, at: string, kind: string, label: string, tone: string, subject: string, detail: string,
 *   diff: import("./values.js").Diff|null}} HistoryRow
 */

const RELEASES = {
  shutdown: "its worker shut down and handed it back",
  worker_lost: "its worker died",
  answer_lost: "its worker never learnt that it had claimed it",
  lease_expired: "its worker fell silent and the lease ran out",
};

/** kind -> label, tone (a status), words(position, key, data) */
const KINDS = {
  created: ["Created", "queued", created],
  claimed: ["Claimed", "running", claimed],
  released: ["Released", "retrying", released],
  step_started: ["Step started", "running", (position, _key, data) => step(position, data)],
  step_retrying: ["Step retrying", "retrying", stepRetrying],
  step_succeeded: ["Step succeeded", "succeeded", (position, _key, data) => step(position, data, result(data))],
  step_failed: ["Step failed", "failed", (position, _key, data) => step(position, data, errorLine(data.error))],
  value_set: ["Value", "", named],
  wait_started: ["Waiting for", "waiting", waitStarted],
  message_sent: ["Message sent", "", messageSent],
  message_received: ["Message received", "", messageReceived],
  event_read: ["Value read", "", eventRead],
  succeeded: ["Succeeded", "succeeded", (_position, _key, data) => ({ detail: result(data) })],
  failed: ["Failed", "failed", (_position, _key, { error }) => ({ detail: errorLine(error) })],
  cancelled: ["Cancelled", "cancelled", stopped],
  quarantined: ["Quarantined", "quarantined", stopped],
};

/**
 * @param {WireEvent} event
 * @param {{value: unknown}|null} [before]  the value its key had, where there was one
 * @returns {HistoryRow}
 */
export function row(event, before = null) {
  const [seq, at, kind, position, key, data] = event;
  const [, tone, words] = KINDS[kind] ?? ["", "", named];
  const { subject = "", detail = "" } = words(position, key, data);
  const changes = kind !== "value_set" ? null : before ? diff(before.value, data.value) : first(data.value);
  return { seq, at, kind, label: label(kind), tone, subject, detail, diff: changes };
}

/** @returns {Words} */
function named(_position, key) {
  return { subject: key ?? "" };
}

/** @returns {Words} */
function created(_position, _key, { definition, queue, by }) {
  return { subject: definition, detail: `on queue ${queue}${by ? `, by ${by}` : ""}` };
}

/** @returns {Words} */
function claimed(_position, _key, { worker, takeover }) {
  return { detail: `by ${worker}${takeover ? ", taking over" : ""}` };
}

/** @returns {Words} */
function released(_position, _key, { reason }) {
  return { detail: RELEASES[reason] ?? reason };
}

/** @returns {Words} */
function step(position, { name, attempt = 1 }, detail = "") {
  return { subject: `${position} ${name}`, detail: joined([attempt > 1 ? `attempt ${attempt}` : "", detail]) };
}

/** @returns {Words} */
function stepRetrying(position, _key, data) {
  return step(position, data, `${errorLine(data.error)}; next try at ${clock(data.next_attempt_at)}`);
}

function result({ output = null, output_bytes = null }) {
  if (output_bytes !== null) return `${output_bytes} bytes`;
  return output === null ? "" : brief(output);
}

/** @returns {Words} */
function waitStarted(_position, _key, data) {
  const of = data.workflow ? ` of ${data.workflow}` : "";
  const until = data.until ? `, until ${clock(data.until)}` : "";
  return { subject: data.name, detail: `${data.for === "message" ? "a message" : "a value"}${of}${until}` };
}

/** @returns {Words} */
function messageSent(_position, key, { by, bytes }) {
  return { subject: key, detail: `${by ? `by ${by}, ` : ""}${bytes} bytes` };
}

/** @returns {Words} */
function messageReceived(_position, key, { timed_out, message = null }) {
  return { subject: key, detail: timed_out ? "none came in time" : brief(message) };
}

/** @returns {Words} */
function eventRead(_position, key, { workflow, absent, value = null }) {
  return { subject: key, detail: `of ${workflow}: ${absent ? "absent" : brief(value)}` };
}

/** @returns {Words} */
function stopped(_position, _key, { by, reason }) {
  return { detail: joined([by ? `by ${by}` : "", reason ?? ""]) };
}

const joined = (parts) => parts.filter(Boolean).join(": ");

/** What a kind of event is called. @param {string} kind */
export function label(kind) {
  if (Object.hasOwn(KINDS, kind)) return KINDS[kind][0];
  const words = kind.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}
