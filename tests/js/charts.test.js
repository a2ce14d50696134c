/** Charts: what is stacked, what is said of a point, and which labels stand beside it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { amount, columns, curveLine, drawn, numberOf, said, sideLabel, sideRange, stacked, timeTicks } from "../../static/js/lib/charts.js";

const CASES = JSON.parse(readFileSync(new URL("../presenter_cases.json", import.meta.url), "utf8"));
const at = (text) => Date.parse(text) / 1000;
const MINUTE = at("2026-11-25T21:43:00Z");

const series = (name, ...numbers) => ({ name, tone: name, numbers });
const bars = (...all) => ({ kind: "bars", unit: "count", x: [MINUTE, MINUTE + 60], series: all, marks: [], nothing: "nothing ended", now: MINUTE });

test("amounts are written as the server writes them", () => {
  for (const [unit, number, text] of CASES.amount) assert.equal(amount(unit, number), text, `${unit} ${number}`);
});

test("labels at the side are as short as round numbers are", () => {
  const labels = [0, 500, 2_000, 60_000, 5_400_000, 7_200_000].map((number) => sideLabel("ms", number));
  assert.deepEqual(labels, ["0", "500 ms", "2 s", "1 min", "1 h 30 min", "2 h"]);
  assert.equal(sideLabel("count", 1_000), "1,000");
});

test("numbers and small lines are those of the server", () => {
  for (const [value, number] of CASES.number_of) assert.equal(numberOf(value), number, JSON.stringify(value));
  for (const [numbers, points] of CASES.curve_line) assert.equal(curveLine(numbers), points, JSON.stringify(numbers));
});

test("bars are stacked, the highest edge first, and what is small is still seen", () => {
  assert.deepEqual(stacked([series("a", 48, 0), series("b", 0, 24)]), [[null, 24], [48, null]]);
  const [whole, below] = stacked([series("a", 9_599, 0), series("b", 1, 0)]);
  assert.equal(below[0], 9_599);
  assert.equal(whole[0], 9_599 + 200);
  assert.deepEqual(stacked([]), []);
});

test("columns and series come in the order of drawing", () => {
  const chart = bars(series("a", 1, 2), series("b", 3, 4));
  assert.deepEqual(columns(chart), [chart.x, [4, 6], [1, 2]]);
  assert.deepEqual(drawn(chart).map(({ name }) => name), ["b", "a"]);
  const lines = { ...chart, kind: "lines" };
  assert.deepEqual(columns(lines), [chart.x, [1, 2], [3, 4]]);
  assert.deepEqual(drawn(lines), lines.series);
});

test("a bar says what is in it, and when", () => {
  const chart = bars(series("succeeded", 1_200, 0), series("failed", 1, 0));
  assert.equal(said(chart, 0), "21:43 UTC: 1,200 succeeded, 1 failed");
  assert.equal(said(chart, 1), "21:44 UTC: nothing ended");
});

test("a bar says what happened besides", () => {
  const mark = (kind, place, words) => ({ kind, at: MINUTE + 60 * place, number: 1, words });
  const marks = [mark("code", 0, "other code v2"), mark("schedule", 0, "started by schedule nightly"), mark("schedule", 1, "x")];
  const chart = { ...bars(series("failed", 1, 0)), marks };
  assert.equal(said(chart, 0), "21:43 UTC: 1 failed; other code v2; started by schedule nightly");
  assert.equal(said(chart, 1), "21:44 UTC: nothing ended; x");
});

test("a point of another day has its date, and one within a minute its seconds", () => {
  const chart = { ...bars(series("P50", 1_500, null)), kind: "lines", unit: "ms", x: [MINUTE - 86_400 + 7, MINUTE + 1] };
  assert.equal(said(chart, 0), "2026-11-24 21:43:07 UTC: P50 1.5 s");
  assert.equal(said({ ...chart, nothing: "nothing known" }, 1), "21:43:01 UTC: nothing known");
});

test("the first label says the zone, and days are dates", () => {
  assert.deepEqual(timeTicks([MINUTE, MINUTE + 600]), ["21:43 UTC", "21:53"]);
  assert.deepEqual(timeTicks([MINUTE, MINUTE + 5]), ["21:43:00 UTC", "21:43:05"]);
  assert.deepEqual(timeTicks([at("2026-11-24T00:00:00Z"), at("2026-11-25T00:00:00Z")]), ["2026-11-24", "11-25"]);
  assert.deepEqual(timeTicks([]), []);
});

test("the side begins at zero, except where numbers are only compared with each other", () => {
  assert.deepEqual(sideRange("count", 5, 100), [0, 104]);
  assert.deepEqual(sideRange("count", null, null), [0, 1.04]);
  assert.deepEqual(sideRange("percent", 5, 9), [0, 100]);
  const [low, high] = sideRange("number", 1_000, 1_010);
  assert.ok(low > 990 && low < 1_000 && high > 1_010 && high < 1_020);
  assert.equal(sideRange("number", 0, 1)[0], 0);
  assert.ok(sideRange("number", 7, 7)[1] > 7);
  assert.ok(sideRange("number", -5, -5)[0] < -5);
});
