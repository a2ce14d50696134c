import assert from "node:assert/strict";
import { test } from "node:test";

import { History, plain } from "./history.js";
import { isUpToDate, page } from "./page.js";

function paused(options) {
  const here = page(options);
  here.live.start();
  here.server.accept();
  here.live.pause();
  return here;
}

test("a paused page stands still and counts what waits; going on replays it from the cursor", () => {
  const here = paused();
  const asOf = here.clock.now();
  here.server.publish(40);
  here.server.publish(1);
  here.time.advance(5_000);
  assert.equal(here.live.state.waiting, 41);
  assert.equal(here.live.state.asOf, asOf);
  assert.equal(here.clock.now(), asOf);
  assert.equal(here.store.state.seq, 5);
  here.live.unpause();
  isUpToDate(here);
  assert.deepEqual(here.live.state.caughtUp, { cause: "pause", away: 5_000, replayed: 41, topics: 1 });
  assert.equal(here.live.state.waiting, 0);
  assert.equal(here.clock.frozen, false);
});

test("a loss while it is paused changes nothing for the reader, and nothing is lost", () => {
  const here = paused();
  here.server.publish(3);
  here.server.cut();
  here.time.advance(250);
  here.server.accept();
  here.server.publish(4);
  assert.equal(here.live.state.paused, true);
  assert.equal(here.clock.frozen, true);
  assert.equal(here.live.state.waiting, 7);
  assert.equal(here.store.state.seq, 5);
  here.time.advance(20_000);
  assert.equal(here.server.received("subscribe").length, 2, "what is held back is not asked for again and again");
  here.live.unpause();
  isUpToDate(here);
});

test("gone on with while the connection is lost, it is reconnecting and goes on later", () => {
  const here = paused();
  here.server.cut();
  here.live.unpause();
  assert.equal(here.live.state.name, "reconnecting");
  assert.equal(here.clock.frozen, true);
  here.server.publish(2);
  here.time.advance(250);
  here.server.accept();
  isUpToDate(here);
});

test("paused by polling, nothing is fetched that would be thrown away", async () => {
  const here = page();
  here.live.start();
  await here.time.pass(3_100);
  here.live.pause();
  here.server.publish(9);
  await here.time.pass(4_000);
  assert.deepEqual(here.server.polls.at(-1).subscriptions, []);
  here.live.unpause();
  await here.time.pass(100);
  isUpToDate(here);
  assert.equal(here.live.state.caughtUp.replayed, 9);
});

test("a view that had to be rebuilt says why, and no receipt says that there was no gap", () => {
  const reasons = {
    trimmed: (here) => (here.server.trimmedTo = 10),
    epoch: (here) => (here.server.history = new History(3, "new")),
  };
  for (const [reason, happens] of Object.entries(reasons)) {
    const here = page();
    here.live.start();
    here.server.accept();
    here.server.cut();
    here.server.publish(15);
    happens(here);
    here.time.advance(250);
    here.server.accept();
    const seq = here.server.history.length;
    assert.deepEqual(here.live.state.resync, { topic: here.store.topic, reason, seq });
    assert.equal(here.live.state.caughtUp, null);
    assert.deepEqual(plain(here.store.state), here.server.history.stateAt(seq));
  }
});
