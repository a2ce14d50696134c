import assert from "node:assert/strict";
import { test } from "node:test";

import { grouped, isChosen, row } from "../../static/js/lib/history.js";
import { paceShape } from "../../static/js/lib/strip.js";
import { HistoryWindow, PART } from "../../static/js/live/history_window.js";

const rows = (first, last) => Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => ({ seq: first + n, first: first + n }));
const seqs = (view) => view.rows.map(({ seq }) => seq);

/** A window at the end of a history of so many events, and the server that has all of them. */
function page(length, { first = length - PART + 1 } = {}) {
  const asked = [];
  const read = async ({ before, after, until }) => {
    asked.push(before ?? -after);
    const from = before === undefined ? after + 1 : Math.max(1, before - PART);
    const to = before === undefined ? Math.min(until, after + PART) : before - 1;
    return { first: from, last: to, rows: rows(from, to) };
  };
  return { asked, view: new HistoryWindow(read, { rows: rows(first, length), first, last: length, newest: length }) };
}

function isWhole(view) {
  assert.deepEqual(seqs(view), rows(view.first, view.last).map(({ seq }) => seq));
  assert.ok(view.rows.length <= 500);
}

test("it goes back to the first of a hundred thousand events and never has more than its share", async () => {
  const { view } = page(100_000);
  while (!view.isAtStart) {
    await view.extend("older");
    isWhole(view);
  }
  assert.equal(view.first, 1);
  assert.equal(view.isAtEnd, false);
  assert.equal(await view.extend("older"), null);
  while (!view.isAtEnd) await view.extend("newer");
  isWhole(view);
  assert.equal(view.last, 100_000);
});

test("it jumps anywhere, with what is around it", async () => {
  const { view, asked } = page(100_000);
  for (const seq of [50_000, 1, 100_000, 3]) {
    await view.jump(seq);
    isWhole(view);
    assert.equal(view.rows[view.placeOf(seq)].seq, seq);
  }
  assert.deepEqual(asked, [50_100, 101, 100_001, 103]);
});

test("what comes at the live end is appended, and the oldest leave", () => {
  const { view } = page(400);
  assert.deepEqual(view.append(rows(401, 500), 500), []);
  const dropped = view.append(rows(501, 800), 800);
  assert.deepEqual(dropped.map(({ seq }) => seq), rows(201, 300).map(({ seq }) => seq));
  isWhole(view);
  assert.deepEqual([view.first, view.last, view.isAtEnd], [301, 800, true]);
});

test("an answer that nobody waits for any more changes nothing", async () => {
  const { view } = page(1_000);
  const late = view.extend("older");
  view.show({ rows: rows(5, 9), first: 5, last: 9, newest: 9 });
  assert.equal(await late, null);
  const [first, second] = [view.jump(7), view.jump(8)];
  assert.equal(await first, null);
  assert.notEqual(await second, null);
});

test("two requests for more are one", async () => {
  const { view, asked } = page(1_000);
  const both = await Promise.all([view.extend("older"), view.extend("older")]);
  assert.equal(both[1], null);
  assert.deepEqual(asked, [801]);
});

test("a part without a row is a step on the way, and a failed one can be asked for again", async () => {
  let fails = true;
  const read = async ({ before }) => {
    if (fails) throw new Error("503");
    return { first: before - 50, last: before - 1, rows: [] };
  };
  const view = new HistoryWindow(read, { rows: [], first: 101, last: 200, newest: 200 });
  await assert.rejects(view.extend("older"));
  fails = false;
  await view.extend("older");
  assert.deepEqual([view.first, view.rows], [51, []]);
});

const value = (seq, key, content) => [seq, `2026-11-23T10:00:${String(seq).padStart(2, "0")}.000000Z`, "value_set", seq, key, { value: content }];

test("values of one key in a row become one row, from the first old to the last new value", () => {
  const events = [value(1, "progress", 0.1), value(2, "progress", 0.2), value(3, "progress", 0.3), value(4, "phase", "end")];
  const before = [{ value: 0 }, { value: 0.1 }, { value: 0.2 }, null];
  const found = grouped(events.map((event, place) => row(event, before[place])));
  assert.deepEqual(found.map(({ first, seq, count }) => [first, seq, count]), [[1, 3, 3], [4, 4, 1]]);
  assert.deepEqual(found[0].diff.changes.map(({ old, new: now }) => [old, now]), [["0", "0.3"]]);
});

test("what is chosen is chosen as the server does", () => {
  const event = value(1, "Address", { street: 'the "long" road', number: 7 });
  const all = { kind: "", key: "", find: "" };
  assert.ok(isChosen(event, all));
  assert.ok(isChosen(event, { ...all, kind: "value_set", key: "Address", find: "LONG" }));
  assert.ok(isChosen(event, { ...all, find: '"number": 7' }));
  assert.ok(isChosen(event, { ...all, find: 'the "long"' }));
  assert.ok(!isChosen(event, { ...all, key: "address" }));
  assert.ok(!isChosen(event, { ...all, kind: "created" }));
  assert.ok(!isChosen(event, { ...all, find: "short" }));
});

test("the pace is high where much happened", () => {
  const at = (seconds) => new Date(seconds * 1000).toISOString();
  assert.equal(paceShape([[1, at(0)], [101, at(1)], [201, at(1001)]]), "M1 10V0.00H101V9.79H201V10Z");
  assert.equal(paceShape([[1, at(0)]]), "");
});
