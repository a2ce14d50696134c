import assert from "node:assert/strict";
import { test } from "node:test";

import { parse } from "../../static/js/lib/exact.js";
import { brief, diff, progress } from "../../static/js/lib/values.js";

const isOld = JSON.parse("1", (_key, _value, context) => context === undefined);

test("what a number can hold is a number, whatever stands around it", () => {
  const text = '{"at":"2026-11-23T10:00:00.123456Z","id":"1234567890123456789","n":[1,2.5,-3,9007199254740991,0.30000000000000004]}';
  assert.deepEqual(parse(text), JSON.parse(text));
});

test("what it cannot hold keeps its digits", { skip: isOld && "this node does not say how a number was written" }, () => {
  assert.deepEqual(parse('{"n":[9007199254740993,-123456789012345678901,1.5]}'), { n: [9007199254740993n, -123456789012345678901n, 1.5] });
});

test("large whole numbers are shown, compared and passed over by what counts", () => {
  assert.equal(brief({ n: [9007199254740993n] }), '{"n": [9007199254740993]}');
  assert.deepEqual(diff(9007199254740993n, 9007199254740994n).changes.map(({ old, new: now }) => [old, now]), [["9007199254740993", "9007199254740994"]]);
  assert.deepEqual(diff(9007199254740993n, 9007199254740993n).changes, []);
  assert.equal(progress({ done: 9007199254740993n, total: 9007199254740994n }), null);
});
