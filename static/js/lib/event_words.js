/** What each kind of event is called and says. Pure; the twin of the words in `dashboard/presenters/history.py`. */

import { errorLine, lost, setAside } from "./sentences.js";
import { when } from "./times.js";
import { brief } from "./values.js";

/** @typedef {import("../live/protocol.js").WireEvent} WireEvent @typedef {WireEvent[5]} EventData */
/** @typedef {{subject?: string|null, detail?: string}} Words */
/** @typedef {(position: number|null, key: string|null, data: EventData, at: string) => Words} Say */

const WAKINGS = /** @type {Record<string, string>} */ ({
  time: "its time has come",
  message: "a message has come",
  event: "a value was set",
  ended: "a workflow has ended",
});
/** @type {Record<string, string>} */
const SEVERAL = { results: "the results of all", completion: "the first to end" };

/** kind -> label, tone (a status), words. @type {Record<string, [label: string, tone: string, words: Say]>} */
export const KINDS = {
  created: ["Created", "queued", created],
  claimed: ["Claimed", "running", claimed],
  debounced: ["Put off", "queued", debounced],
  due: ["Due", "queued", named],
  suspended: ["Suspended", "waiting", suspended],
  woken: ["Woken", "queued", (_position, _key, { reason }) => ({ detail: WAKINGS[reason] ?? reason })],
  released: ["Released", "retrying", (_position, _key, data) => ({ detail: lost(data) })],
  step_started: ["Step started", "running", (position, _key, data) => step(position, data)],
  step_retrying: ["Step retrying", "retrying", stepRetrying],
  step_succeeded: ["Step succeeded", "succeeded", (position, _key, data) => step(position, data, result(data))],
  step_failed: ["Step failed", "failed", (position, _key, data) => step(position, data, errorLine(data.error))],
  value_set: ["Value", "", named],
  wait_started: ["Waiting for", "waiting", waitStarted],
  message_sent: ["Message sent", "", messageSent],
  message_received: ["Message received", "", messageReceived],
  event_read: ["Value read", "", eventRead],
  slept: ["Slept", "", named],
  child_started: ["Child started", "", childStarted],
  result_read: ["Result read", "", resultRead],
  results_gathered: ["Results gathered", "", resultsGathered],
  completion_read: ["Completion read", "", completionRead],
  patched: ["Patched", "", named],
  succeeded: ["Succeeded", "succeeded", (_position, _key, data) => ({ detail: result(data) })],
  failed: ["Failed", "failed", (_position, _key, { error }) => ({ detail: errorLine(error) })],
  cancelled: ["Cancelled", "cancelled", stopped],
  quarantined: ["Quarantined", "quarantined", (_position, _key, data) => ({ detail: setAside(data) })],
  resumed: ["Resumed", "queued", resumed],
  forked: ["Forked from", "queued", forked],
  fork_started: ["Fork started", "", forked],
  pinned: ["Pinned", "", stopped],
  unpinned: ["Unpinned", "", stopped],
};

/** @type {Say} */
export function named(_position, key) {
  return { subject: key ?? "" };
}

/** @type {Say} */
function created(_position, _key, { definition, queue, by, parent, wake_at }, at) {
  const parts = [`on queue ${queue}`];
  if (by) parts.push(`by ${by}`);
  if (parent) parts.push(`as a child of ${parent}`);
  if (wake_at) parts.push(`not before ${when(wake_at, at)}`);
  return { subject: definition, detail: listed(parts) };
}

/** @type {Say} */
function debounced(_position, _key, { by, wake_at }, at) {
  return { detail: `until ${when(wake_at, at)}, with the input of a further start${by ? ` by ${by}` : ""}` };
}

/** @param {(string|undefined)[]} parts */
const listed = (parts) => parts.filter(Boolean).join(", ");

/** @type {Say} */
function claimed(_position, _key, { worker, takeover, deadline_at }, at) {
  const end = deadline_at ? `to end by ${when(deadline_at, at)}` : "";
  return { detail: listed([`by ${worker}`, takeover ? "taking over" : "", end]) };
}

/** @param {number|null} position @param {EventData} data @returns {Words} */
function step(position, { name, attempt = 1 }, detail = "") {
  return { subject: `${position} ${name}`, detail: joined([attempt > 1 ? `attempt ${attempt}` : "", detail]) };
}

/** @type {Say} */
function stepRetrying(position, _key, data, at) {
  return step(position, data, `${errorLine(data.error)}; next try at ${when(data.next_attempt_at, at)}`);
}

/** @param {EventData} data */
function result({ output = null, output_bytes = null }) {
  if (output_bytes !== null) return `${output_bytes} bytes`;
  return output === null ? "" : brief(output);
}

/** @type {Say} */
function waitStarted(_position, _key, { for: what, name, workflow, position, until: end }, at) {
  const until = end ? `until ${when(end, at)}` : "";
  if (what === "time") return { subject: "", detail: until };
  if (what === "retry") return { subject: `${position} ${name}`, detail: listed(["its next attempt", until]) };
  if (what === "result") return { subject: workflow, detail: listed(["its result", until]) };
  if (Object.hasOwn(SEVERAL, what)) return { subject: name, detail: listed([SEVERAL[what], until]) };
  const of = workflow ? ` of ${workflow}` : "";
  return { subject: name ?? "", detail: listed([`a ${what === "event" ? "value" : what}${of}`, until]) };
}

/** @type {Say} */
function suspended(position, key, { waiting }, at) {
  const { subject, detail } = waitStarted(position, key, waiting, at);
  return { subject, detail: listed([detail, "holds no worker"]) };
}

/** @type {Say} */
function messageSent(_position, key, { by, bytes }) {
  return { subject: key, detail: `${by ? `by ${by}, ` : ""}${bytes} bytes` };
}

/** @type {Say} */
function messageReceived(_position, key, { timed_out, message = null }) {
  return { subject: key, detail: timed_out ? "none came in time" : brief(message) };
}

/** @type {Say} */
function eventRead(_position, key, { workflow, absent, value = null }) {
  return { subject: key, detail: `of ${workflow}: ${absent ? "absent" : brief(value)}` };
}

/** @type {Say} */
function childStarted(_position, key, { definition, attached }) {
  return { subject: key, detail: listed([definition, attached ? "which existed already" : ""]) };
}

/** @type {Say} */
function resultRead(_position, key, { status, output = null, error, timed_out }) {
  if (timed_out) return { subject: key, detail: "had not ended in time" };
  if (error) return { subject: key, detail: `${status}: ${errorLine(error)}` };
  return { subject: key, detail: output === null ? status : brief(output) };
}

/** @type {Say} */
function resultsGathered(_position, _key, { count, failed, timed_out }) {
  const without = Object.keys(failed ?? {}).length;
  const late = timed_out ? "not all ended in time" : "";
  const subject = count === 1 ? "1 workflow" : `${count} workflows`;
  return { subject, detail: listed([late, without ? `${without} without a result` : ""]) };
}

/** @type {Say} */
function completionRead(_position, key, { timed_out }) {
  return { subject: key ?? "", detail: timed_out ? "none ended in time" : "" };
}

/** @type {Say} */
function resumed(position, key, data, at) {
  const again = data.reopened?.length ? `step ${data.reopened.join(", ")} again` : "";
  return { detail: listed([stopped(position, key, data, at).detail, again]) };
}

/** @type {Say} */
function forked(position, key, data, at) {
  const where = [`at position ${data.position}`, data.edited ? "with other input" : ""];
  const { detail } = stopped(position, key, data, at);
  return { subject: data.from ?? data.workflow ?? "", detail: listed([...where, detail]) };
}

/** @type {Say} */
function stopped(_position, _key, { by, reason }) {
  return { detail: joined([by ? `by ${by}` : "", reason ?? ""]) };
}


/** @param {string[]} parts */
const joined = (parts) => parts.filter(Boolean).join(": ");
