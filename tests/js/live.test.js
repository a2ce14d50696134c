import assert from "node:assert/strict";
import { test } from "node:test";

import { ListStore } from "../../static/js/live/list_store.js";
import { History, plain } from "./history.js";
import { isUpToDate, page, stayHealthy } from "./page.js";

test("the page resumes from the seq it was made at, and events follow", () => {
  const here = page({ length: 8, seenTo: 5 });
  here.live.start();
  here.server.accept();
  assert.deepEqual(here.server.received("subscribe")[0].at, { epoch: "epoch-1", seq: 5 });
  here.server.publish(3);
  isUpToDate(here);
  assert.equal(here.live.state.name, "live");
});

test("after a cut it replays what it missed, freezes the clock meanwhile, and shows the receipt", () => {
  const here = page();
  here.live.start();
  here.server.accept();
  stayHealthy(here);
  here.server.cut();
  const asOf = here.clock.now();
  assert.equal(here.live.state.name, "reconnecting");
  assert.equal(here.live.state.asOf, asOf);
  assert.equal(here.live.state.retryAt, here.time.now() + 250);
  here.server.publish(37);
  here.time.advance(250);
  assert.equal(here.clock.now(), asOf);
  here.server.accept();
  isUpToDate(here);
  assert.deepEqual(here.live.state.caughtUp, { cause: "loss", away: 250, replayed: 37, topics: 1 });
  assert.equal(here.clock.frozen, false);
});

test("it backs off while the server stays away, and a short life of a connection is no success", () => {
  const here = page();
  here.live.start();
  const waits = [];
  for (let losses = 0; losses < 7; losses += 1) {
    here.server.accept();
    here.server.cut();
    waits.push(here.live.carrier.socket.retryAt - here.time.now());
    here.time.advance(waits.at(-1));
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 8000]);
  here.server.accept();
  stayHealthy(here);
  here.server.cut();
  assert.equal(here.live.carrier.socket.retryAt - here.time.now(), 250);
});

test("silence is noticed without a close, within half a minute", () => {
  const here = page();
  here.live.start();
  here.server.accept();
  here.time.advance(24_000);
  assert.equal(here.live.state.name, "live");
  here.time.advance(6_000);
  assert.equal(here.live.state.name, "reconnecting");
});

test("after a laptop's sleep the dead connection is noticed as soon as the tab is looked at", () => {
  const here = page();
  here.live.start();
  here.server.accept();
  here.time.sleep(600_000);
  here.page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(here.live.state.name, "reconnecting");
});

test("when the network is back nobody waits for the next try", () => {
  const here = page();
  here.live.start();
  for (let losses = 0; losses < 6; losses += 1) {
    here.server.accept();
    here.server.cut();
    if (losses < 5) here.time.advance(8_000);
  }
  here.network.dispatchEvent(new Event("online"));
  here.server.accept();
  assert.equal(here.live.state.name, "live");
  here.network.dispatchEvent(new Event("online"));
  assert.equal(here.server.sockets, 7);
});

test("a frame that comes in parts is one frame, and each part is acknowledged", () => {
  const here = page();
  here.server.longest = 100;
  here.live.start();
  here.server.accept();
  here.server.publish(3, "x".repeat(500));
  isUpToDate(here);
  here.time.advance(5_000);
  assert.ok(here.server.received("ack").at(-1).frames > 15);
});

test("a part whose rest was lost with its socket is forgotten", () => {
  const here = page();
  here.live.start();
  here.server.accept();
  here.server.longest = 60;
  here.server.tear();
  here.server.publish(1);
  here.time.advance(8_000);
  here.server.longest = Infinity;
  here.server.accept();
  here.server.publish(1);
  isUpToDate(here);
});

test("pings keep it alive and are answered", () => {
  const here = page();
  here.live.start();
  here.server.accept();
  for (let round = 0; round < 5; round += 1) {
    here.time.advance(20_000);
    here.server.ping();
  }
  assert.equal(here.live.state.name, "live");
  assert.deepEqual(here.server.received("pong").map(({ n }) => n), [1, 2, 3, 4, 5]);
});

test("signed out and forbidden are final: nothing is tried again", () => {
  for (const [code, name] of [[4401, "signed_out"], [4403, "forbidden"]]) {
    const here = page();
    here.live.start();
    here.server.accept();
    here.server.close(code);
    assert.equal(here.live.state.name, name);
    here.time.advance(600_000);
    assert.equal(here.server.sockets, 1);
  }
});

test("asked to come back with its cursor, it comes back with its cursor", () => {
  const here = page();
  here.live.start();
  here.server.accept();
  here.server.publish(4);
  here.server.close(4408);
  here.time.advance(1_625); // the middle of the three seconds over which everybody comes back
  here.server.accept();
  assert.equal(here.server.received("subscribe").at(-1).at.seq, 9);
});

test("a lost frame shows as a gap and is fetched again from the cursor", () => {
  const here = page();
  here.live.start();
  here.server.accept();
  here.server.dropNext = 1;
  here.server.publish(2);
  here.server.publish(1);
  isUpToDate(here);
  assert.equal(here.server.received("subscribe").length, 2);
});

test("a subscription is repeated until the server confirms it", () => {
  const here = page();
  here.live.start();
  here.server.deaf = true;
  here.server.accept();
  here.time.advance(12_000);
  assert.equal(here.server.received("subscribe").length, 3);
  here.server.deaf = false;
  here.time.advance(5_000);
  here.time.advance(20_000);
  assert.equal(here.server.received("subscribe").length, 4);
});

test("a cursor the server does not know is answered by a reset and a snapshot", () => {
  const here = page();
  here.live.start();
  here.server.history = new History(3, "after-failover");
  here.server.accept();
  assert.deepEqual(plain(here.store.state), here.server.history.stateAt(3));
  assert.equal(here.store.epoch, "after-failover");
});

test("frames are acknowledged some seconds later, or after 64 KB, and never without frames", () => {
  const here = page();
  here.live.start();
  here.server.accept();
  here.time.advance(3_750); // the middle between half of five seconds and all of them
  const acks = () => here.server.received("ack").map(({ frames }) => frames);
  assert.deepEqual(acks(), [2]); // hello and receipt
  here.time.advance(10_000);
  assert.deepEqual(acks(), [2]);
  here.server.publish(1, "x".repeat(70_000));
  assert.deepEqual(acks(), [2, 3]);
});

test("a refused subscription is not repeated; an unknown workflow is gone", () => {
  const here = page();
  here.live.start();
  here.server.refuse = "unknown";
  here.server.accept();
  here.time.advance(20_000);
  assert.equal(here.server.received("subscribe").length, 1);
  assert.equal(here.store.gone, true);
});

test("a list follows the same way, with the seq of every visible row", () => {
  const here = page();
  const list = new ListStore([{ id: "a", seq: 4, status: "running" }], { since: "2026-11-23T10:00:00Z" });
  const stop = here.live.follow(list);
  here.live.start();
  here.server.accept();
  const request = here.server.received("subscribe").find(({ topic }) => topic === "workflows");
  assert.deepEqual(request.ids, [["a", 4]]);
  here.server.send({ t: "rows", topic: "workflows", rows: [{ id: "a", seq: 5, status: "failed" }], fresh: [], more: false });
  assert.equal(list.rows.get("a").status, "failed");
  stop();
  assert.deepEqual(here.server.received("unsubscribe"), [{ t: "unsubscribe", topic: "workflows" }]);
});
