import assert from "node:assert/strict";
import { test } from "node:test";

import { Delays } from "../../static/js/live/delays.js";
import { FakeTime } from "./fake_time.js";

/** The server's clock is an hour ahead of ours. */
function measured() {
  const time = new FakeTime();
  const delays = new Delays(time.now);
  const server = (ms = 0) => new Date(time.now() + 3_600_000 + ms).toISOString();
  delays.sync(server());
  return { time, delays, server };
}

test("before anything came there is no figure, and nobody is behind", () => {
  const { delays } = measured();
  assert.equal(delays.percentile(50), null);
  assert.equal(delays.behind(), null);
});

test("the delay is from the commit to here, however wrong our clock is", () => {
  const { delays, server } = measured();
  for (let n = 1; n <= 100; n += 1) delays.measure(server(-n));
  assert.equal(delays.percentile(50), 50);
  assert.equal(delays.percentile(95), 95);
});

test("of what the server said of its clock, the least delayed counts", () => {
  const { delays, server } = measured();
  delays.sync(server(-400));
  delays.measure(server(-30));
  assert.equal(delays.percentile(50), 30);
});

test("no event arrives before its commit: what seems so corrects all figures, those before, too", () => {
  const { delays, server } = measured();
  delays.measure(server(-5));
  delays.measure(server(20));
  assert.equal(delays.percentile(50), 0);
  assert.equal(delays.percentile(95), 25);
});

test("behind is a server whose fastest frame of the last ten seconds was late", () => {
  const { time, delays, server } = measured();
  delays.measure(server(-9_000));
  delays.measure(server(-9_500));
  assert.equal(delays.behind(), 9_000);
  assert.equal(delays.behind(8_000), null);
  delays.measure(server(-20));
  assert.equal(delays.behind(), null);
  time.advance(11_000);
  assert.equal(delays.behind(), null, "nothing came lately, so nothing is known");
});

test("what comes after a sleep of our own says nothing about the server", () => {
  const { time, delays, server } = measured();
  const committed = server();
  time.sleep(600_000);
  delays.measure(committed);
  assert.equal(delays.percentile(50), null);
  delays.awake();
  delays.measure(server(-15));
  assert.equal(delays.percentile(50), 15);
});
