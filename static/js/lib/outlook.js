/** How long a workflow has left, and whether it is silent for longer than usual. Pure; twin of `presenters/outlook.py`. */

import { DAY, HOUR, MINUTE, SECOND, between, estimate, milliseconds } from "./times.js";
import { rest } from "./values.js";
import { local } from "./zone.js";

const [SOON, LATE, OVERDUE] = [0.1, 0.9, 0.95];
const BEGUN = ["running", "waiting", "queued"];
const WITH_A_TIME = ["time", "retry"];
/** @type {[number, number, string][]} */
const UNITS = [[2 * MINUTE, SECOND, "s"], [2 * HOUR, MINUTE, "min"], [2 * DAY, HOUR, "h"], [Infinity, DAY, "d"]];
const [FINE, COARSE] = [1, 5];
const [QUIET_AT_LEAST, TIMES_USUAL] = [30 * SECOND, 2];

/** @typedef {{workflows: number, took: number[]}} Usual  earlier ones; what they took in ms at 0 %, 5 %, … 100 % */
/** @typedef {{short: string, words: string, why: string, overdue: boolean}} TimeLeft */
/** @typedef {{for: string, until?: string|null}} Waiting */

/** What the server wrote into an attribute. @param {string} [text] @returns {Usual|null} null: nothing is known */
export function usualFrom(text) {
  const [workflows, ...took] = (text ?? "").split(" ").map(Number);
  return took.length > 1 ? { workflows, took } : null;
}

/** The duration that a share of an ascending sample did not exceed. @param {number[]} ordered @param {number} share */
export function quantile(ordered, share) {
  const place = share * (ordered.length - 1);
  const below = Math.min(Math.trunc(place), ordered.length - 2);
  return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below]);
}

/** The share that had ended by then. @param {number[]} ordered @param {number} elapsed */
export function shareEnded(ordered, elapsed) {
  const found = ordered.findIndex((took) => took > elapsed);
  const after = found === -1 ? ordered.length : found;
  if (after === 0 || after === ordered.length) return after === 0 ? 0 : 1;
  const [below, above] = [ordered[after - 1], ordered[after]];
  return (after - 1 + (elapsed - below) / (above - below)) / (ordered.length - 1);
}

/** What a share of those that took longer still needed. @param {number[]} ordered @param {number} elapsed @param {number} share */
export function remaining(ordered, elapsed, share) {
  const ended = shareEnded(ordered, elapsed);
  return Math.max(0, quantile(ordered, ended + share * (1 - ended)) - elapsed);
}

/** @typedef {{soonest: number, latest: number, overdue: number}} Outlook */

/** @param {Usual} usual @param {number} elapsed ms @param {number} [atLeast] ms that it needs by its own word @returns {Outlook} */
export function outlook({ took }, elapsed, atLeast = 0) {
  const [soonest, latest] = [SOON, LATE].map((share) => Math.trunc(remaining(took, elapsed, share)));
  const overdue = Math.max(0, elapsed - Math.trunc(quantile(took, OVERDUE)));
  return { soonest: Math.max(soonest, atLeast), latest: Math.max(latest, atLeast), overdue };
}

/**
 * @param {{status: string, started_at: string|null, waiting: Waiting|null}} workflow  of a state or a summary
 * @param {Usual|null} usual @param {string|number} now @param {unknown} [progress]  of the key `progress`
 * @returns {TimeLeft|null} null: it has not begun, has ended, or nobody knows
 */
export function timeLeft({ status, started_at, waiting }, usual, now, progress = null) {
  if (!usual || !BEGUN.includes(status) || !started_at) return null;
  const elapsed = between(started_at, now);
  const atLeast = Math.max(rest(progress), asleep(waiting, now));
  const found = outlook(usual, elapsed, atLeast);
  if (found.overdue >= SECOND) return overdue(usual, found);
  return left(usual, found, milliseconds(now), atLeast > outlook(usual, elapsed).soonest);
}

/** @param {Waiting|null} waiting @param {string|number} now */
function asleep(waiting, now) {
  return waiting?.until && WITH_A_TIME.includes(waiting.for) ? between(now, waiting.until) : 0;
}

/** @param {Usual} usual @param {Outlook} found @returns {TimeLeft} */
function overdue({ workflows, took }, found) {
  const late = roughly(found.overdue);
  const atMost = estimate(Math.trunc(quantile(took, OVERDUE)));
  const why = `19 of 20 earlier ones took ${atMost} at most, waits included${of(workflows)}.`;
  return { short: `overdue +${late}`, words: `Overdue by ${late}`, why, overdue: true };
}

/** @param {Usual} usual @param {Outlook} found @param {number} now @param {boolean} byItself @returns {TimeLeft} */
function left({ workflows, took }, { soonest, latest }, now, byItself) {
  const short = span(soonest, latest);
  const about = `${short.startsWith("<") ? "Probably" : "About"} ${spoken(short)} left`;
  const done = latest >= 2 * MINUTE ? `, done around ${clocks(now + soonest, now + latest, now)}` : "";
  const usually = span(Math.trunc(quantile(took, SOON)), Math.trunc(quantile(took, LATE)));
  const why =
    `8 of 10 earlier ones took ${spoken(usually)}, waits included${of(workflows)}. ` +
    "What is left is judged by those that took longer than this one so far." +
    (byItself ? " By its own word it is not done sooner." : "");
  return { short, words: about + done, why, overdue: false };
}

/** @param {number} workflows */
const of = (workflows) => ` (the last ${workflows} that succeeded)`;
/** @param {string} text */
const spoken = (text) => text.replace("<", "less than");
/** @param {number} ms */
const unitOf = (ms) => /** @type {[number, number, string]} */ (UNITS.find(([below]) => ms < below));

/** A range in one unit, outwards: "3–5 min", "4 min", "< 2 min". @param {number} low @param {number} high */
function span(low, high) {
  const [, unit, word] = unitOf(high);
  const step = unit === SECOND && high >= 20 * SECOND ? COARSE : FINE;
  const first = Math.floor(low / (unit * step)) * step;
  const last = Math.max(1, Math.ceil(high / (unit * step))) * step;
  if (low === high || first === last) return `${last} ${word}`;
  return first === 0 ? `< ${last} ${word}` : `${first}–${last} ${word}`;
}

/** One unit, of what has passed already. @param {number} ms */
function roughly(ms) {
  const [, unit, word] = unitOf(ms);
  return `${Math.floor(ms / unit)} ${word}`;
}

/**
 * From when to when, to the minute; with the date where that is not today's.
 * @param {number} first @param {number} last @param {number} now
 */
function clocks(first, last, now) {
  const [[day, start, firstZone], [lastDay, end, zone], [today]] = [first, last, now].map(minute);
  if (day !== lastDay || firstZone !== zone) { // the clocks change in between
    return `${day} ${start}${firstZone === zone ? "" : ` ${firstZone}`} – ${lastDay} ${end} ${zone}`;
  }
  const date = day === today ? "" : `${day} `;
  return start === end ? `${date}${start} ${zone}` : `${date}${start}–${end} ${zone}`;
}

/** @param {number} ms */
function minute(ms) {
  const { iso, name } = local(ms);
  return [iso.slice(0, 10), iso.slice(11, 16), name];
}

/**
 * That a running workflow has said nothing for much longer than earlier ones; else nothing.
 * @param {{status: string, waiting: object|null, last_event: {kind: string, at: string}|null}} workflow
 * @param {number|null} usual  ms at most @param {string|number} now
 */
export function silence({ status, waiting, last_event: last }, usual, now) {
  if (usual === null || status !== "running" || waiting || !last || last.kind === "step_retrying") return "";
  const quiet = between(last.at, now);
  if (quiet < Math.max(QUIET_AT_LEAST, TIMES_USUAL * usual)) return "";
  return `No event for ${roughly(quiet)}; usually ${estimate(Math.max(usual, SECOND))} at most.`;
}
