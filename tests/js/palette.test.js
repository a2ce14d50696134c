import assert from "node:assert/strict";
import { test } from "node:test";

import { around, grouped, matching } from "../../static/js/lib/palette.js";

const LINES = [
  { kind: "Pages", text: "Queues" },
  { kind: "On this page", text: "Pause the queue" },
  { kind: "Pages", text: "Now" },
];

test("every typed word must be in a line, and those that begin with what was typed come first", () => {
  const found = (typed) => matching(LINES, typed).map(({ text }) => text);
  assert.deepEqual(found(""), ["Queues", "Pause the queue", "Now"]);
  assert.deepEqual(found("queue"), ["Queues", "Pause the queue"]);
  assert.deepEqual(found(" QUEUE pause "), ["Pause the queue"]);
  assert.deepEqual(found("pa"), ["Pause the queue"]);
  assert.deepEqual(found("queue now"), []);
});

test("lines stand under their heads, in the order in which the heads come first", () => {
  const groups = [...grouped(LINES)].map(([kind, lines]) => [kind, lines.map(({ text }) => text)]);
  assert.deepEqual(groups, [["Pages", ["Queues", "Now"]], ["On this page", ["Pause the queue"]]]);
});

test("after the last comes the first, and the other way round", () => {
  assert.deepEqual([around(2, 1, 3), around(0, -1, 3), around(0, 1, 0), around(-1, 1, 2)], [0, 2, -1, 0]);
});
