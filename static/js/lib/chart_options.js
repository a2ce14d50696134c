/** A chart as the library wants it described (https://github.com/leeoniya/uPlot): the only place with its vocabulary. */

import { MARKS_HEIGHT, drawMarks } from "./chart_marks.js";
import { drawn, roundSteps, sideLabel, sideRange, timeTicks } from "./charts.js";
import { local } from "./zone.js";

/** @typedef {import("uplot")} Plot @typedef {typeof import("uplot")} Library */
/** @typedef {import("uplot").Axis} Axis @typedef {import("uplot").Series} Line */
/** @typedef {import("./charts.js").Chart} Chart @typedef {import("./chart_look.js").ChartLook} Look */

const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
/** "1 min 15 s" needs more than a number. */
const [SIDE_WIDTH, SIDE_WIDTH_OF_TIMES] = [58, 76];
const HALF_A_LABEL = 28;
const LABEL_SPACE = 72;
const LINE_SPACE = 26;
const BAR_WIDTH = 0.75;
const FEW_POINTS = 60;
const LONELY_SECONDS = 60;

/**
 * Everything but its size.
 * @param {Library} library @param {() => Chart} current  its marks may change @param {Look} look
 * @param {(place: number|null) => void} pointed  told of the point under the pointer, or that there is none
 * @returns {Omit<import("uplot").Options, "width"|"height">}
 */
export function options(library, current, look, pointed) {
  const chart = current();
  return {
    padding: [chart.kind === "bars" ? MARKS_HEIGHT : 10, HALF_A_LABEL, 0, 0],
    legend: { show: false },
    tzDate: (seconds) => new Date(local(seconds * 1000).iso),
    cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: points(chart, look) },
    scales: { x: ends(chart), y: { range: (_plot, least, most) => sideRange(chart.unit, least, most) } },
    axes: axes(chart, look),
    series: [{}, ...drawn(chart).map((one) => line(library, chart, one, look))],
    bands: chart.band ? [{ series: [chart.band[0] + 1, chart.band[1] + 1], fill: () => look.colour("band") }] : [],
    hooks: {
      setCursor: [(plot) => pointed(plot.cursor.idx ?? null)],
      draw: [(plot) => drawMarks(plot, current(), look)],
    },
  };
}

/**
 * Half a bar of room at both ends; a single point in the middle.
 * @param {Chart} chart @returns {import("uplot").Scale}
 */
function ends({ kind, x }) {
  if (x.length > 1 && kind !== "bars") return {};
  const half = x.length > 1 ? (x[1] - x[0]) / 2 : LONELY_SECONDS;
  return { range: (_plot, first, last) => [first - half, last + half] };
}

/** @param {Chart} chart @param {Look} look @returns {import("uplot").Cursor.Points} */
function points(chart, look) {
  if (chart.kind === "bars") return { show: false };
  return { size: 7, width: 2, fill: () => look.colour("ground"), stroke: (_plot, place) => look.colour(chart.series[place - 1].tone) };
}

/** @param {Chart} chart @param {Look} look @returns {Axis[]} */
function axes({ unit }, look) {
  const common = { stroke: () => look.colour("label"), font: FONT, ticks: { show: false }, gap: 6 };
  /** @type {Axis} */
  const side = {
    ...common,
    grid: { stroke: () => look.colour("line"), width: 1 },
    size: unit === "ms" ? SIDE_WIDTH_OF_TIMES : SIDE_WIDTH,
    space: LINE_SPACE,
    values: (_plot, splits) => splits.map((one) => sideLabel(unit, one)),
  };
  const steps = roundSteps(unit);
  return [
    { ...common, grid: { show: false }, size: 28, space: LABEL_SPACE, values: (_plot, splits) => timeTicks(splits) },
    steps ? { ...side, incrs: steps } : side,
  ];
}

/** @param {Library} library @param {Chart} chart @param {import("./charts.js").Series} series @param {Look} look @returns {Line} */
function line({ paths }, { kind, x }, { tone }, look) {
  if (kind === "bars") {
    const bars = paths.bars?.({ size: [BAR_WIDTH, Infinity, 1] });
    return { width: 0, paths: bars, points: { show: false }, fill: (plot) => look.fill(tone, plot.ctx) };
  }
  const isEdge = tone === "edge";
  const steps = kind === "steps" ? { paths: paths.stepped?.({ align: 1 }), spanGaps: true } : {};
  return {
    width: isEdge ? 1 : 1.75,
    stroke: () => look.colour(tone),
    points: { show: !isEdge && x.length <= FEW_POINTS, size: 5, fill: () => look.colour("ground") },
    ...steps,
  };
}
