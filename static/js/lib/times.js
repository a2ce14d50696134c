/** Points in time and durations as text, in the reader's zone. The twin of `dashboard/presenters/times.py`. */

import { local } from "./zone.js";

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;
/** Whoever starts something looks once a second. */
const LATE = 5 * SECOND;

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");
/** @param {number} ms @param {number} unit */
const part = (ms, unit) => Math.floor(ms / unit);

/** @param {string|number} time  ISO text, or milliseconds already @returns {number} milliseconds since 1970 */
export function milliseconds(time) {
  return typeof time === "number" ? time : new Date(time).getTime();
}

/**
 * Milliseconds from one point in time to another, never negative.
 * @param {string|number} start @param {string|number} end
 */
export function between(start, end) {
  return Math.max(0, Math.floor(milliseconds(end) - milliseconds(start)));
}

/** "340 ms", "4.2 s", "3 min 04 s", "2 h 05 min", "3 d 04 h". @param {number} ms */
export function duration(ms) {
  if (ms < SECOND) return `${ms} ms`;
  if (ms < 10 * SECOND) return `${part(ms, SECOND)}.${part(ms % SECOND, 100)} s`;
  return wholeDuration(ms);
}

/** The same for something that still grows: nothing below a second. @param {number} ms */
export function wholeDuration(ms) {
  if (ms < MINUTE) return `${part(ms, SECOND)} s`;
  if (ms < HOUR) return `${part(ms, MINUTE)} min ${two(part(ms % MINUTE, SECOND))} s`;
  if (ms < DAY) return `${part(ms, HOUR)} h ${two(part(ms % HOUR, MINUTE))} min`;
  return `${part(ms, DAY)} d ${two(part(ms % DAY, HOUR))} h`;
}

/** One unit, rounded up: what is only guessed must not look precise. @param {number} ms */
export function estimate(ms) {
  const [unit, word] = ms < 2 * MINUTE ? [SECOND, "s"] : ms < 2 * HOUR ? [MINUTE, "min"] : [HOUR, "h"];
  return `${Math.ceil(ms / unit)} ${word}`;
}

/** How long ago, in one unit; after a day, the date. @param {string} iso @param {string|number} now */
export function ago(iso, now) {
  const ms = between(iso, now);
  if (ms < MINUTE) return `${part(ms, SECOND)} s ago`;
  if (ms < HOUR) return `${part(ms, MINUTE)} min ago`;
  if (ms < DAY) return `${part(ms, HOUR)} h ago`;
  return local(iso).iso.slice(0, 10);
}

/** How long it is until something happens; that it should have happened by now. @param {string} iso @param {number} now */
export function until(iso, now) {
  const ms = milliseconds(iso) - Math.floor(now);
  if (ms >= SECOND) return `in ${wholeDuration(ms)}`;
  return ms > -LATE ? "now" : `late by ${wholeDuration(-ms)}`;
}

/** The full point in time with its zone. @param {string} time */
export function absolute(time) {
  const { iso, name } = local(time);
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} ${name}`;
}

/** The time of day with its zone. @param {string|number} time */
export function clock(time) {
  const { iso, name } = local(time);
  return `${iso.slice(11, 19)} ${name}`;
}

/** The time of day to the millisecond, with its zone. @param {string} time */
export function timeOfDay(time) {
  const { iso, name } = local(time);
  return `${iso.slice(11, 23)} ${name}`;
}

/**
 * The time of day; with its date where that is not the date of `reference`.
 * @param {string} iso @param {string|number} reference
 */
export function when(iso, reference) {
  return local(iso).iso.slice(0, 10) === local(reference).iso.slice(0, 10) ? clock(iso) : absolute(iso);
}
