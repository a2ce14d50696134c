/**
 * What happened besides in the bars of a chart, drawn over them: a triangle above a bar for what schedules started, with
 * how many where there is room, and a line across with a diamond at its foot for other code. Told by their shapes.
 */

/** @typedef {import("uplot")} Plot @typedef {import("./charts.js").Chart} Chart */
/** @typedef {import("./chart_look.js").ChartLook} Look */

/** Above the bars: a number and a triangle, in CSS pixels. */
export const MARKS_HEIGHT = 24;
const TRIANGLE = { half: 5, height: 8, gap: 2 };
const DIAMOND = 5;
const NUMBER_FONT = "9px system-ui, sans-serif";
const ROOM_OF_A_DIGIT = 6.5;

/** @param {Plot} plot @param {Chart} chart @param {Look} look */
export function drawMarks({ ctx, bbox, valToPos, scales }, { marks, x }, look) {
  const { min = 0, max = 0 } = scales.x;
  const ratio = devicePixelRatio;
  const step = x.length > 1 ? (valToPos(x[1], "x", true) - valToPos(x[0], "x", true)) / ratio : MARKS_HEIGHT;
  const visible = marks.filter(({ at }) => at >= min && at <= max);
  ctx.save();
  ctx.fillStyle = ctx.strokeStyle = look.colour("mark");
  for (const mark of visible) {
    ctx.setTransform(ratio, 0, 0, ratio, Math.round(valToPos(mark.at, "x", true)), bbox.top);
    if (mark.kind === "schedule") drawStart(ctx, mark.number, step);
    else drawCode(ctx, bbox.height / ratio, look);
  }
  ctx.restore();
}

/** @param {CanvasRenderingContext2D} ctx @param {number} number @param {number} step  from bar to bar */
function drawStart(ctx, number, step) {
  const half = Math.min(TRIANGLE.half, step * 0.45);
  const top = -TRIANGLE.gap - TRIANGLE.height;
  fill(ctx, [[-half, top], [half, top], [0, -TRIANGLE.gap]]);
  const text = String(number);
  if (number < 2 || text.length * ROOM_OF_A_DIGIT > step) return;
  ctx.font = NUMBER_FONT;
  ctx.textAlign = "center";
  ctx.textBaseline = "bottom";
  ctx.fillText(text, 0, top - 1);
}

/** @param {CanvasRenderingContext2D} ctx @param {number} height @param {Look} look */
function drawCode(ctx, height, look) {
  ctx.lineWidth = 1;
  ctx.setLineDash([4, 3]);
  ctx.beginPath();
  ctx.moveTo(0.5, 0);
  ctx.lineTo(0.5, height);
  ctx.stroke();
  ctx.setLineDash([]);
  const middle = height - DIAMOND;
  fill(ctx, [[0, middle - DIAMOND], [DIAMOND, middle], [0, middle + DIAMOND], [-DIAMOND, middle]]);
  ctx.strokeStyle = look.colour("ground"); // so that it stands out from a bar
  ctx.stroke();
  ctx.strokeStyle = look.colour("mark");
}

/** @param {CanvasRenderingContext2D} ctx @param {[number, number][]} corners */
function fill(ctx, corners) {
  ctx.beginPath();
  for (const [x, y] of corners) ctx.lineTo(x, y);
  ctx.closePath();
  ctx.fill();
}
