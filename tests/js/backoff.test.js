import assert from "node:assert/strict";
import { test } from "node:test";

import { delay } from "../../static/js/live/backoff.js";

test("without jitter it doubles from a quarter second to eight", () => {
  const middle = [1, 2, 3, 4, 5, 6, 7, 50].map((tries) => delay(tries, () => 0.5));
  assert.deepEqual(middle, [0.25, 0.5, 1, 2, 4, 8, 8, 8]);
});

test("jitter spreads browsers by a fifth both ways", () => {
  assert.equal(delay(3, () => 0), 0.8);
  assert.ok(Math.abs(delay(3, () => 0.999999) - 1.2) < 1e-4);
});
