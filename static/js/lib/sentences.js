/** What a workflow is doing, as one sentence. Pure; the twin of `dashboard/presenters/sentences.py`. */

import { between, duration, wholeDuration, when } from "./times.js";

/** @typedef {import("../live/protocol.js").State} State @typedef {import("../live/protocol.js").Waiting} Waiting */
/** @typedef {import("../live/protocol.js").EventData} EventData */
/** @typedef {(state: State, now: string|number, ending: EventData) => string} Sentence */

/** @type {Record<string, string>} */
const RELEASES = {
  shutdown: "its worker shut down and handed it back",
  worker_lost: "its worker died",
  answer_lost: "its worker never learnt that it had claimed it",
  lease_expired: "its worker fell silent and the lease ran out",
};

/** @type {Record<string, Sentence>} */
const SENTENCES = {
  delayed,
  queued,
  running,
  waiting: queued,
  succeeded: ended("Succeeded in"),
  failed: ended("Failed after"),
  cancelled: ended("Cancelled after"),
  quarantined: ended("Set aside after"),
};

/** @param {State} state @param {string|number} now @param {EventData|null} [ending]  data of the event that ended it */
export function sentence(state, now, ending = null) {
  const { waiting, status } = state.workflow;
  if (!waiting) return SENTENCES[status](state, now, ending ?? {});
  return `${waitingWords(waiting, now)}${status === "waiting" ? "; holds no worker" : ""}.`;
}

/** @param {Waiting} waiting @param {string|number} now */
function waitingWords(waiting, now) {
  const { position, name, since } = waiting;
  const until = waiting.until ?? "";
  if (waiting.for === "retry") return `Waits to try step ${position}, ${name}, again at ${when(until, now)}`;
  if (waiting.for === "time") {
    return `Sleeping until ${when(until, now)}, for another ${wholeDuration(between(now, until))}`;
  }
  const atMost = until ? `, until ${when(until, now)} at most` : "";
  return `Waiting ${wholeDuration(between(since, now))} for ${awaited(waiting)}${atMost}`;
}

/** What it waits for, without the times, which change while one looks. @param {Waiting} waiting */
export function waits(waiting) {
  if (waiting.for === "retry") return `Waits to try ${waiting.position} ${waiting.name} again`;
  return waiting.for === "time" ? "Sleeping" : `Waiting for ${awaited(waiting)}`;
}

/** What a wait is for, in words. @param {Waiting} waiting @returns {string} */
export function awaited({ for: what, name, workflow }) {
  if (what === "result") return `the result of workflow ${workflow}`;
  if (what === "results") return name ?? "";
  if (what === "completion") return `the first of ${name} to end`;
  return `${what === "event" ? "value" : what} “${name}”${workflow ? ` of workflow ${workflow}` : ""}`;
}

/** @type {Sentence} */
function delayed({ workflow: { wake_at } }, now) {
  if (!wake_at) return "Not to be started yet.";
  return `Starts at ${when(wake_at, now)}, in ${wholeDuration(between(now, wake_at))}.`;
}

/** @type {Sentence} */
function queued({ workflow }, now) {
  const last = workflow.last_event ?? { kind: "created", at: workflow.created_at };
  const since = wholeDuration(between(last.at, now));
  if (last.kind === "released") {
    return `Its worker is gone; for ${since} it has been ready for another one. Recorded steps will not run again.`;
  }
  const words = workflow.started_at ? "Ready to go on" : "Queued";
  return `${words} for ${since}; waits for a worker of queue ${workflow.queue}.`;
}

/** @type {Sentence} */
function running(state, now) {
  const step = openStep(state);
  if (!step) return `Running for ${wholeDuration(between(state.workflow.started_at ?? now, now))}.`;
  if (step.status === "retrying" && step.next_attempt_at) {
    const again = when(step.next_attempt_at, now);
    return `Step ${step.position}, ${step.name}, failed attempt ${step.attempt}; tries again at ${again}.`;
  }
  const attempt = step.attempt > 1 ? `, attempt ${step.attempt}` : "";
  const since = wholeDuration(between(step.attempt_started_at, now));
  return `Running step ${step.position}, ${step.name}${attempt}, for ${since}.`;
}

/**
 * Positions are integer keys, which objects keep in ascending order, so the last open one is the latest.
 * @param {State} state
 */
function openStep(state) {
  let latest = null;
  for (const step of Object.values(state.steps)) {
    if (step.status === "running" || step.status === "retrying") latest = step;
  }
  return latest;
}

/** @param {string} words @returns {Sentence} */
function ended(words) {
  return ({ workflow }, now, ending) => {
    const took = duration(between(workflow.started_at ?? workflow.created_at, workflow.finished_at ?? now));
    return `${words} ${took}${reason(workflow, ending)}`;
  };
}

/** @param {State["workflow"]} workflow @param {EventData} ending */
function reason(workflow, ending) {
  if (ending.crashes) return `: ${setAside(ending)}.`;
  const by = ending.by ? ` by ${ending.by}` : "";
  if (ending.reason) return `${by}: ${ending.reason}`;
  return workflow.error ? `${by}: ${errorLine(workflow.error)}` : `${by}.`;
}

/** How it lost its worker. @param {EventData} data  of an event that released it */
export const lost = ({ reason }) => RELEASES[reason] ?? reason;

/** Why it was quarantined. @param {EventData} data */
export const setAside = (data) => `${lost(data)}, the last of ${data.crashes} crashes in a row`;

/** The type and first line of a recorded error. @param {{type: string, message?: string}} error */
export function errorLine(error) {
  const line = (error.message ?? "").split("\n", 1)[0];
  return line ? `${error.type}: ${line}` : error.type;
}
