import assert from "node:assert/strict";
import { test } from "node:test";

import { TimelineView } from "../../static/js/lib/timeline_view.js";

function view(total = 100_000, now = 90_000) {
  const made = new TimelineView();
  made.fit(total, now);
  return made;
}

test("the whole is the whole, however long it gets", () => {
  const one = view();
  assert.deepEqual(one.window, { first: 0, length: 100_000 });
  one.fit(200_000, 150_000);
  assert.deepEqual(one.window, { first: 0, length: 200_000 });
});

test("following keeps the end in sight as time goes on", () => {
  const one = view();
  one.follow();
  assert.deepEqual(one.window, { first: 72_000, length: 20_000 });
  one.fit(100_000, 95_000);
  assert.deepEqual(one.window, { first: 77_000, length: 20_000 });
});

test("a hand lets go of the end, and nothing moves until one asks for it again", () => {
  const one = view();
  one.follow();
  one.pan(-0.5);
  assert.ok(one.isReleased);
  const inspected = one.window;
  one.fit(200_000, 180_000);
  assert.deepEqual(one.window, inspected);
  one.follow();
  assert.ok(!one.isReleased);
  assert.equal(one.window.first + one.window.length * 0.9, 180_000);
});

test("nearer, farther, and around the hand", () => {
  const one = view();
  one.zoom(2, 0);
  assert.deepEqual(one.window, { first: 0, length: 50_000 });
  one.zoom(2, 1);
  assert.deepEqual(one.window, { first: 25_000, length: 25_000 });
  assert.equal(one.mode, "inspect");
  assert.ok(!one.isReleased);
  one.zoom(1 / 8);
  assert.equal(one.mode, "whole");
});

test("no hand leaves the axis", () => {
  const one = view();
  one.select(-5_000, 10_000);
  assert.deepEqual(one.window, { first: 0, length: 10_000 });
  one.pan(100);
  assert.deepEqual(one.window, { first: 90_000, length: 10_000 });
  one.select(0, 0);
  assert.equal(one.window.length, 20);
});
