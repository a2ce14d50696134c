/** Bars on a time axis, in thousandths. Pure; the twin of `dashboard/presenters/timeline.py`. */

import { DAY, HOUR, MINUTE, SECOND, between, duration, wholeDuration } from "./times.js";

export const AXIS = 1000;
/** Each is four whole parts, for the labels. */
const NICE = [1, 2, 4, 8, 12, 20, 40].map((n) => n * SECOND).concat(
  [1, 2, 4, 8, 12, 20, 40].map((n) => n * MINUTE),
  [1, 2, 4, 8, 12].map((n) => n * HOUR),
  [DAY, 2 * DAY],
);

/**
 * The length of the axis: exact once finished, else the next round length.
 * @param {number} ms @param {boolean} finished
 */
export function span(ms, finished) {
  if (finished) return Math.max(1, ms);
  return NICE.find((nice) => ms <= nice) ?? (Math.floor(ms / DAY) + 1) * DAY;
}

/** @param {string} origin @param {string|number} start @param {string|number} end @param {number} length */
export function bar(origin, start, end, length) {
  const x = Math.min(AXIS - 3, Math.floor((between(origin, start) * AXIS) / length));
  const width = Math.max(3, Math.floor((between(start, end) * AXIS) / length));
  return { x, width: Math.min(width, AXIS - x) };
}

/** Five labels from the start to the end of the axis, without trailing zero parts. @param {number} length */
export function ticks(length) {
  const say = length >= 4 * SECOND ? wholeDuration : duration;
  return [0, 1, 2, 3, 4].map((quarter) => say(Math.floor((length * quarter) / 4)).replace(/ 00 \w+$/, ""));
}

/** How long it took, or takes. @param {string|null} start @param {string|null} end @param {string|number} now */
export function took(start, end, now) {
  if (!start) return "";
  return end ? duration(between(start, end)) : wholeDuration(between(start, now));
}
