import assert from "node:assert/strict";
import { test } from "node:test";

import { Pace } from "../../static/js/lib/pace.js";
import { FakeTime } from "./fake_time.js";

/** A list on which `perSecond` rows move, each announced as it comes; how often it was painted in each second. */
function painted(perSecond, seconds) {
  const time = new FakeTime();
  let moved = 0;
  const pace = new Pace(() => moved, { now: time.now, timers: time });
  let waiting = false;
  let paints = 0;
  const each = [];
  for (let second = 0; second < seconds; second += 1) {
    paints = 0;
    for (let tick = 0; tick < 100; tick += 1) {
      moved += perSecond / 100;
      if (perSecond > 0 && !waiting) {
        waiting = true;
        pace.wait(() => {
          waiting = false;
          paints += 1;
        });
      }
      time.advance(10);
    }
    each.push(paints);
  }
  return { each, pace, time };
}

test("the first change is painted at once, later ones ten times a second at most", () => {
  const { each, pace } = painted(100, 5);
  assert.ok(each.every((count) => count >= 9 && count <= 11), String(each));
  assert.equal(pace.isBusy, false);
});

test("while more than 200 rows a second move, it is painted once a second, and says so", () => {
  const { each, pace } = painted(1_000, 6);
  assert.deepEqual(each.slice(2), [1, 1, 1, 1]);
  assert.equal(pace.isBusy, true);
});

test("after the storm it is quick again", () => {
  const { pace, time } = painted(1_000, 6);
  time.advance(3_000);
  assert.equal(pace.isBusy, false);
  let acted = 0;
  pace.wait(() => (acted += 1));
  assert.equal(acted, 1);
});
