/** What people read: the browser says the same as the server. The cases are those of `tests/dashboard/test_presenters.py`. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { cell } from "../../static/js/lib/cells.js";
import { row } from "../../static/js/lib/history.js";
import { lastWords, pendingWords } from "../../static/js/lib/rows.js";
import { silence, timeLeft, usualFrom } from "../../static/js/lib/outlook.js";
import { sentence } from "../../static/js/lib/sentences.js";
import { meets } from "../../static/js/lib/terms.js";
import { bar, gaps, locate, phase, shorten, span, ticks, timeAt } from "../../static/js/lib/timeline.js";
import {
  absolute, ago, between, clock, duration, estimate, timeOfDay, until, when, wholeDuration,
} from "../../static/js/lib/times.js";
import { brief, diff, progress, rest, setsTold } from "../../static/js/lib/values.js";
import { isoWithOffset, useZone } from "../../static/js/lib/zone.js";

const CASES = JSON.parse(readFileSync(new URL("../presenter_cases.json", import.meta.url), "utf8"));

function replay(name, said) {
  test(name, () => {
    for (const one of CASES[name]) {
      const given = one.slice(0, -1);
      assert.deepEqual(said(...given), one.at(-1), JSON.stringify(one));
    }
  });
}

const changes = (found) => found && found.changes.map(({ path, old, new: now, delta }) => [path, old, now, delta]);

replay("duration", duration);
replay("whole_duration", wholeDuration);
replay("estimate", estimate);
replay("ago", ago);
replay("until", (at, now) => until(at, Date.parse(now)));
replay("between", between);
replay("when", when);
replay("brief", (value) => brief(value));
replay("sets_told", setsTold);
replay("sentence", sentence);
replay("last_words", lastWords);
replay("rest", rest);
replay("silence", silence);
replay("time_left", (workflow, usual, ...rest) => {
  const found = timeLeft(workflow, usualFrom(usual), ...rest);
  return found && Object.values(found);
});
replay("terms", (key, how, operand, values) => meets([[key, how, operand]], values));
replay("span", span);
replay("ticks", (length) => ticks([{ start: 0, end: length, place: 0, length }], 0, length));
replay("bar", (...given) => Object.values(bar(...given)));
replay("phase", phase);
replay("gaps", (...given) => gaps(...given).map(Object.values));
replay("shorten", (found, end, kept) => {
  const named = found.map(([start, stop, words]) => ({ start, end: stop, words }));
  return shorten(named, end, new Set(kept)).map(Object.values);
});

test("a time is found where it is drawn", () => {
  const segments = shorten([{ start: 2_000, end: 7_202_000, words: "" }], 7_210_000);
  for (const ms of [0, 1_999, 2_000, 7_202_000, 7_209_999, 7_300_000]) assert.equal(timeAt(segments, locate(segments, ms)), ms);
  assert.ok(locate(segments, 3_600_000) < 3_000);
});
replay("history", (event, before) => {
  const { label, tone, subject, detail, diff: found } = row(event, before);
  return [label, tone, subject, detail, changes(found)];
});

test("a value as a cell", () => {
  for (const [value, shownAs, kind, text, at] of CASES.cell) {
    const found = cell(value, shownAs);
    assert.deepEqual([found.kind, found.text, found.at ?? ""], [kind, text, at], JSON.stringify([value, shownAs]));
  }
});

test("in every zone the browser says the same as the server", () => {
  for (const [name, changes, at, ...said] of CASES.zone) {
    useZone({ name, changes });
    assert.deepEqual([absolute(at), clock(at), timeOfDay(at), isoWithOffset(at)], said, `${name} ${at}`);
  }
  useZone();
});

test("a day begins when it does in the reader's zone", () => {
  useZone({ name: "Asia/Kolkata", changes: [[0, 19800, "IST"]] });
  assert.equal(when("2026-11-23T17:00:00Z", "2026-11-23T19:00:00Z"), "2026-11-23 22:30:00 IST");
  assert.equal(ago("2026-11-20T19:00:00Z", "2026-11-23T19:00:00Z"), "2026-11-21");
  useZone();
});

test("diff", () => {
  for (const [old, now, expected, more] of CASES.diff) {
    const found = diff(old, now);
    assert.deepEqual([changes(found), found.more], [expected, more], JSON.stringify([old, now]));
  }
});

test("progress", () => {
  for (const [value, phase, expected] of CASES.progress) {
    const found = progress(value, phase);
    if (expected === null) assert.equal(found, null);
    else assert.deepEqual([found.fraction, found.text], [expected[0], expected.slice(1).join(" · ")]);
  }
});

test("the bar above the list counts what is new, what failed and what left", () => {
  const nothing = { count: 0, byStatus: {}, more: false, left: 0 };
  assert.equal(pendingWords(nothing), "");
  assert.equal(pendingWords({ ...nothing, count: 3, byStatus: { failed: 1, queued: 2 } }), "3 new, 1 failed");
  assert.equal(pendingWords({ ...nothing, left: 1 }), "1 no longer matches");
  assert.equal(pendingWords({ count: 2, byStatus: { quarantined: 2 }, more: true, left: 4 }), "at least 2 new, 2 failed, 4 no longer match");
});
