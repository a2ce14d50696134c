/**
 * Bars on a time axis on which long waits are short. Pure; the twin of `dashboard/presenters/timeline.py`. Bars are in
 * thousandths of what is in sight; times on the axis are milliseconds since the workflow was created.
 */

import { waits } from "./sentences.js";
import { DAY, HOUR, MINUTE, SECOND, between, duration, wholeDuration } from "./times.js";

export const AXIS = 1000;
/** Each is four whole parts, for the labels. */
const NICE = [1, 2, 4, 8, 12, 20, 40].map((n) => n * SECOND).concat(
  [1, 2, 4, 8, 12, 20, 40].map((n) => n * MINUTE),
  [1, 2, 4, 8, 12].map((n) => n * HOUR),
  [DAY, 2 * DAY],
);
/** A short wait takes this part of the time in which something ran, and is at least so many times longer. */
const GAP_SHARE = 12;
const WORTH_IT = 3;
const SHORTEST_MS = 5 * SECOND;
const LASTING = new Set(["delayed", "queued", "running", "waiting"]);

/** @typedef {import("../live/protocol.js").WireEvent} WireEvent @typedef {import("../live/protocol.js").Waiting} Waiting */
/** @typedef {[status: string, since: string, waiting: Waiting|null]} Phase */
/** @typedef {{id: string, url: string, definition: string, status: string, created_at: string, finished_at: string|null}} Child */
/** @typedef {{start: number, end: number, words: string}} Gap */
/** @typedef {{start: number, end: number, place: number, length: number}} Segment */

const QUEUED_BY = new Set(["due", "woken", "released", "resumed", "forked"]);
const ENDS = new Set(["succeeded", "failed", "cancelled", "quarantined"]);

/** The status that an event begins; null: it changes none. @param {WireEvent} event @returns {Phase|null} */
export function phase([, at, kind, , , data]) {
  if (kind === "created") return [data.wake_at ? "delayed" : "queued", at, null];
  if (kind === "suspended") return ["waiting", at, data.waiting];
  if (kind === "claimed" || QUEUED_BY.has(kind)) return [kind === "claimed" ? "running" : "queued", at, null];
  return ENDS.has(kind) ? [kind, at, null] : null;
}

/** Children as they were at a time: not there yet, or not finished. @param {Child[]} children @param {string} end */
export function asOf(children, end) {
  const there = children.filter(({ created_at }) => created_at <= end);
  return there.map((child) => ((child.finished_at ?? "") <= end ? child : { ...child, status: "running", finished_at: null }));
}

/** Each phase with its end, as far as they had begun by then. @param {Phase[]} phases @param {string|number} end */
export function lasting(phases, end) {
  const begun = phases.filter(([, since]) => between(end, since) === 0);
  const all = begun.map(([status, since, waiting], index) => ({ status, since, until: begun[index + 1]?.[1] ?? end, waiting }));
  return all.filter(({ status }) => LASTING.has(status));
}

/**
 * When it did not run: what follows each other without a run in between is one.
 * @param {Phase[]} phases @param {string} origin @param {string|number} end @returns {Gap[]}
 */
export function gaps(phases, origin, end) {
  /** @type {Gap[]} */
  const found = [];
  for (const { status, since, until, waiting } of lasting(phases, end)) {
    const [start, stop] = [between(origin, since), between(origin, until)];
    if (status === "running" || stop <= start) continue;
    const words = waiting ? waits(waiting) : status[0].toUpperCase() + status.slice(1);
    const last = found.at(-1);
    if (last?.end === start) last.end = stop;
    else found.push({ start, end: stop, words });
  }
  return found;
}

/**
 * The axis from 0 to `end`, on which long gaps are short.
 * @param {Gap[]} found @param {number} end @param {Set<number>} [kept]  starts of those that keep their length
 * @returns {Segment[]}
 */
export function shorten(found, end, kept = new Set()) {
  const active = Math.max(1, end - found.reduce((sum, gap) => sum + gap.end - gap.start, 0));
  const short = Math.floor(span(active, false) / GAP_SHARE);
  const segments = [];
  let [at, place] = [0, 0];
  for (const gap of found) {
    if (gap.end - gap.start <= Math.max(SHORTEST_MS, WORTH_IT * short) || kept.has(gap.start)) continue;
    segments.push({ start: at, end: gap.start, place, length: gap.start - at });
    place += gap.start - at;
    segments.push({ start: gap.start, end: gap.end, place, length: short });
    place += short;
    at = gap.end;
  }
  return [...segments, { start: at, end: Math.max(at, end), place, length: Math.max(at, end) - at }];
}

/** Where a time is on the axis. @param {Segment[]} segments @param {number} ms */
export function locate(segments, ms) {
  const found = segments.find(({ end }) => ms < end) ?? segments[segments.length - 1];
  if (found.end === found.start) return found.place + ms - found.start;
  return found.place + Math.floor(((ms - found.start) * found.length) / (found.end - found.start));
}

/** The time at a place of the axis, which may be longer than what has passed. @param {Segment[]} segments @param {number} at */
export function timeAt(segments, at) {
  const found = segments.find(({ place, length }) => at < place + length) ?? segments[segments.length - 1];
  const ms = found.end - found.start;
  if (found.length === 0 || found.length === ms) return found.start + at - found.place;
  return found.start + Math.floor(((at - found.place) * ms) / found.length);
}

/**
 * The length of the axis: exact once finished, else the next round length.
 * @param {number} ms @param {boolean} finished
 */
export function span(ms, finished) {
  if (finished) return Math.max(1, ms);
  return NICE.find((nice) => ms <= nice) ?? (Math.floor(ms / DAY) + 1) * DAY;
}

/**
 * From start to end on an axis of `length` ms that begins at `first`; never invisible, but outside of the axis.
 * @param {number} start @param {number} end @param {number} first @param {number} length
 */
export function bar(start, end, first, length) {
  if (end < first || start > first + length) return { x: 0, width: 0 };
  const [begin, stop] = [Math.max(start, first) - first, Math.min(end, first + length) - first];
  const x = Math.min(AXIS - 3, Math.floor((begin * AXIS) / length));
  const width = Math.max(3, Math.floor(((stop - begin) * AXIS) / length));
  return { x, width: Math.min(width, AXIS - x) };
}

/**
 * Five labels of an axis that begins at `first` and is `length` ms long, without trailing zero parts. After a long wait
 * that is drawn short some would say the same again: those are empty.
 * @param {Segment[]} segments @param {number} first @param {number} length
 */
export function ticks(segments, first, length) {
  const say = length >= 4 * SECOND ? wholeDuration : duration;
  const places = [0, 1, 2, 3, 4].map((quarter) => first + Math.floor((length * quarter) / 4));
  const labels = places.map((place) => say(timeAt(segments, place)).replace(/ 00 \w+$/, ""));
  return labels.map((label, place) => (labels.indexOf(label) < place ? "" : label));
}

/**
 * Where the axis is not true, and how long that really was.
 * @param {Gap[]} found @param {Segment[]} segments @param {number} first @param {number} length
 */
export function marks(found, segments, first, length) {
  const short = new Map(segments.filter((one) => one.length < one.end - one.start).map((one) => [one.start, one]));
  return found.flatMap(({ start, end, words }) => {
    const drawn = short.get(start);
    if (!drawn) return [];
    const label = wholeDuration(end - start);
    const place = bar(drawn.place, drawn.place + drawn.length, first, length);
    return [{ start, ...place, label, title: `${words}: ${label}, drawn short` }];
  });
}

/** How long it took, or takes. @param {string|null} start @param {string|null} end @param {string|number} now */
export function took(start, end, now) {
  if (!start) return "";
  return end ? duration(between(start, end)) : wholeDuration(between(start, now));
}
