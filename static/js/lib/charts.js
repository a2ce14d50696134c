/** What a chart draws and what it says of a point, from the numbers that the server put beside its picture. Pure. */

import { duration, when } from "./times.js";
import { local } from "./zone.js";

/** @typedef {{name: string, tone: string, numbers: (number|null)[]}} Series */
/**
 * What happened besides in a bar. `at`: its `x`; `number`: how often; `words`: what, as the bar says it.
 * @typedef {{kind: "code"|"schedule", at: number, number: number, words: string}} Mark
 */
/**
 * `band`: which two series, from the upper one to the lower one, have a colour between them; `nothing`: what is said of
 * a point without any number; `unit`: "count", "ms", "percent" or "number".
 * @typedef {{
 *   kind: "bars"|"lines"|"steps", unit: string, x: number[], series: Series[], marks: Mark[],
 *   band?: [number, number], nothing: string, now: number,
 * }} Chart
 */

/** The least part of the height, so that one among thousands is still seen. */
const LEAST = 1 / 48;
const MINUTE = 60;
const DAY = 86_400;

/**
 * The upper edges of stacked bars, the highest first: each one is drawn over the one before. Null: no such part.
 * @param {Series[]} series  from below
 * @returns {(number|null)[][]}
 */
export function stacked(series) {
  const sums = (series[0]?.numbers ?? []).map((_, place) => series.reduce((sum, one) => sum + (one.numbers[place] ?? 0), 0));
  const least = Math.max(1, ...sums) * LEAST;
  let edge = sums.map(() => 0);
  const edges = series.map(({ numbers }) => {
    edge = edge.map((below, place) => below + seen(numbers[place] ?? 0, least));
    return edge.map((above, place) => (numbers[place] ? above : null));
  });
  return edges.reverse();
}

/** @param {number} number @param {number} least */
const seen = (number, least) => (number > 0 ? Math.max(number, least) : 0);

/** The columns that are drawn, x first. @param {Chart} chart @returns {[number[], ...(number|null)[][]]} */
export function columns({ kind, x, series }) {
  return [x, ...(kind === "bars" ? stacked(series) : series.map(({ numbers }) => numbers))];
}

/** The series in the order in which they are drawn. @param {Chart} chart @returns {Series[]} */
export function drawn({ kind, series }) {
  return kind === "bars" ? [...series].reverse() : series;
}

const COUNTS = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const NUMBERS = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

/** A number in its unit. @param {string} unit @param {number} number */
export function amount(unit, number) {
  if (unit === "ms") return duration(Math.max(0, Math.round(number)));
  if (unit === "percent") return `${COUNTS.format(number)} %`;
  return (unit === "count" ? COUNTS : NUMBERS).format(number);
}

/** A number at the side, where all are round: "1 min" for 1 min 00 s. @param {string} unit @param {number} number */
export function sideLabel(unit, number) {
  return amount(unit, number).replace(/ 00 \S+$/, "").replace(/\.0 /, " ").replace(/^0 ms$/, "0");
}

/** @param {number} seconds */
const iso = (seconds) => new Date(seconds * 1000).toISOString();

/** What a chart says of one of its points: "21:43 UTC: 12 succeeded, 1 failed". @param {Chart} chart @param {number} place */
export function said(chart, place) {
  const found = chart.series.filter(({ numbers }) => (chart.kind === "bars" ? numbers[place] : numbers[place] != null));
  const words = found.map(({ name, numbers }) => {
    const text = amount(chart.unit, /** @type {number} */ (numbers[place]));
    return chart.kind === "bars" ? `${text} ${name}` : `${name} ${text}`;
  });
  const besides = chart.marks.filter(({ at }) => at === chart.x[place]).map((mark) => `; ${mark.words}`);
  return `${moment(chart, place)}: ${words.join(", ") || chart.nothing}${besides.join("")}`;
}

/** Of whole minutes without seconds; of another day than that of `now` with its date. @param {Chart} chart @param {number} place */
function moment({ x, now }, place) {
  const text = when(iso(x[place]), now * 1000);
  return x.every((one) => one % MINUTE === 0) ? text.replace(/:\d\d( \S+)$/, "$1") : text;
}

/** The labels below. Only the first says the zone; where days lie between them, all are dates. @param {number[]} splits */
export function timeTicks(splits) {
  const step = splits.length > 1 ? splits[1] - splits[0] : MINUTE;
  return splits.map((seconds, place) => {
    const { iso: at, name } = local(seconds * 1000);
    if (step >= DAY) return at.slice(place === 0 ? 0 : 5, 10);
    return `${at.slice(11, step < MINUTE ? 19 : 16)}${place === 0 ? ` ${name}` : ""}`;
  });
}

const POWERS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const ROUND_COUNTS = POWERS.flatMap((power) => [power, 2 * power, 5 * power]);
const SECOND_MS = 1_000;
const ROUND_TIMES = [
  1, 2, 5, 10, 20, 50, 100, 200, 500,
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200].map((s) => s * SECOND_MS),
  ...[1, 2, 5, 10, 20, 50].map((days) => days * DAY * SECOND_MS),
];

/** By how much the labels at the side may differ; nothing: by any round number. @param {string} unit */
export function roundSteps(unit) {
  return unit === "count" ? ROUND_COUNTS : unit === "ms" ? ROUND_TIMES : undefined;
}

/**
 * The side's ends: from zero, except where numbers are only compared with each other.
 * @param {string} unit @param {number|null} least @param {number|null} most  null: there is no number
 * @returns {[number, number]}
 */
export function sideRange(unit, least, most) {
  if (unit === "percent") return [0, 100];
  if (unit !== "number" || least === null || most === null) return [0, Math.max(1, most ?? 1) * 1.04];
  const room = (most - least || Math.abs(most) || 1) * 0.08;
  return [least >= 0 && least <= room * 6 ? 0 : least - room, most + room];
}

/** Numbers like this are no measurements; the arithmetic of a line would overflow. */
const BEYOND = 1e300;

/** A value as a number: itself, or how much is done, for a progress. @param {any} value @returns {number|null} */
export function numberOf(value) {
  const found = value !== null && typeof value === "object" && !Array.isArray(value) ? value.done : value;
  return typeof found === "number" && Math.abs(found) < BEYOND ? found : null;
}

const LINE_WIDTH = 120;
const LINE_HEIGHT = 28;

/** The points of a small line through these numbers; of a single one it is level. @param {number[]} numbers */
export function curveLine(numbers) {
  const all = numbers.length === 1 ? [numbers[0], numbers[0]] : numbers;
  const low = Math.min(...all);
  const span = Math.max(...all) - low || 1;
  const step = LINE_WIDTH / (all.length - 1);
  const up = (/** @type {number} */ number) => LINE_HEIGHT - 1 - ((LINE_HEIGHT - 2) * (number - low)) / span;
  return all.map((number, place) => `${(place * step).toFixed(1)},${up(number).toFixed(1)}`).join(" ");
}
