import assert from "node:assert/strict";
import { test } from "node:test";

import { Clock } from "../../static/js/live/clock.js";
import { FakeTime } from "./fake_time.js";

function made(serverTime = null) {
  const time = new FakeTime();
  return { time, clock: new Clock(serverTime, { local: time.now, timers: time }) };
}

test("it shows the server's time, however wrong the local clock is", () => {
  const { time, clock } = made("2026-11-23T10:00:00.000000Z");
  time.advance(1500);
  assert.equal(clock.now(), Date.parse("2026-11-23T10:00:01.500Z"));
});

test("it stands still while the connection is lost, and goes on from the server's time", () => {
  const { time, clock } = made("2026-11-23T10:00:00Z");
  clock.freeze();
  time.advance(60_000);
  assert.equal(clock.now(), Date.parse("2026-11-23T10:00:00Z"));
  clock.correct("2026-11-23T10:01:05Z");
  clock.thaw();
  assert.equal(clock.now(), Date.parse("2026-11-23T10:01:05Z"));
});

test("network delay does not make it jump", () => {
  const { clock } = made("2026-11-23T10:00:00Z");
  clock.correct("2026-11-22T10:00:00Z");
  const before = clock.now();
  clock.correct(new Date(before - 200).toISOString());
  assert.equal(clock.now(), before);
});

test("one timer serves all listeners, stops with the last, and is silent while frozen", () => {
  const { time, clock } = made();
  let ticks = 0;
  const stops = [1, 2, 3].map(() => clock.onTick(() => (ticks += 1)));
  assert.equal(time.pending, 1);
  time.advance(1000);
  assert.equal(ticks, 3);
  clock.freeze(); // tells everybody once
  assert.equal(ticks, 6);
  time.advance(5000);
  assert.equal(ticks, 6);
  stops.forEach((stop) => stop());
  assert.equal(time.pending, 0);
});
