/** The page falls back to polling by itself, says so, and goes back to the socket; nothing is lost between. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isUpToDate, page } from "./page.js";

/** A page whose sockets are cut before they are greeted. */
async function blocked(options = {}) {
  const here = page(options);
  here.block = () => here.server.block();
  here.live.start();
  here.block();
  for (let losses = 0; losses < 2; losses += 1) {
    await here.time.pass(300);
    here.block();
  }
  await here.time.pass(50);
  return here;
}

test("where sockets fail twice without ever greeting, the page is live by polling, from its cursor", async () => {
  const here = await blocked({ length: 8, seenTo: 5 });
  assert.equal(here.live.state.name, "live");
  assert.equal(here.live.state.transport, "polling");
  assert.deepEqual(here.server.polls[0].subscriptions[0].at, { epoch: "epoch-1", seq: 5 });
  assert.equal(here.server.polls[0].version, 1);
  here.server.publish(3);
  await here.time.pass(2_000);
  isUpToDate(here);
  assert.equal(here.clock.frozen, false);
});

test("a socket that opens and is never greeted is no reason to wait", async () => {
  const here = page();
  here.live.start();
  await here.time.pass(3_100);
  assert.equal(here.live.state.transport, "polling");
  assert.equal(here.server.sockets, 1);
});

test("it polls every two seconds while it is looked at, every ten while not, and at once when looked at again", async () => {
  const here = await blocked();
  const during = async (ms) => {
    const before = here.server.polls.length;
    await here.time.pass(ms);
    return here.server.polls.length - before;
  };
  assert.equal(await during(20_000), 10);
  here.page.hidden = true;
  await here.time.pass(2_000);
  assert.equal(await during(40_000), 4);
  here.page.hidden = false;
  here.page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(await during(100), 1);
});

test("an incomplete answer is continued at once, until the receipt", async () => {
  const here = await blocked();
  here.server.eventsPerPoll = 10;
  here.server.publish(95);
  await here.time.pass(2_000 + 10 * 60);
  isUpToDate(here);
});

test("the socket goes on being tried, takes over with the cursors, and polling ends", async () => {
  const here = await blocked();
  here.server.publish(2);
  await here.time.pass(2_000);
  here.server.publish(1);
  await here.time.pass(8_000);
  const { length } = here.server.polls;
  here.server.accept();
  assert.equal(here.live.state.transport, "websocket");
  assert.equal(here.live.state.name, "live");
  assert.deepEqual(here.server.received("subscribe").at(-1).at, { epoch: "epoch-1", seq: 8 });
  assert.equal(here.live.state.caughtUp, null, "nothing was lost, so nothing is announced");
  here.server.publish(4);
  isUpToDate(here);
  await here.time.pass(20_000);
  assert.equal(here.server.polls.length, length);
  assert.ok(here.states.every(({ name }, n) => n === 0 || !(here.states[n - 1].name === "live" && name !== "live")));
});

test("of a slow server never more than one answer is awaited, and the page says that it is old", async () => {
  const here = await blocked();
  here.server.polling = "hangs";
  await here.time.pass(12_500);
  assert.equal(here.live.state.name, "reconnecting");
  assert.equal(here.clock.frozen, true);
  here.live.retry();
  here.page.dispatchEvent(new Event("visibilitychange"));
  await here.time.pass(300_000);
  assert.equal(here.server.mostAtOnce, 1);
  here.server.polling = "answers";
  here.server.publish(3);
  await here.time.pass(80_000);
  assert.equal(here.live.state.name, "live");
  assert.equal(here.live.state.caughtUp.replayed, 3);
});

test("when polling fails, too, the page is as of then, backs off, and shows the receipt when it is back", async () => {
  const here = await blocked();
  here.server.polling = "fails";
  await here.time.pass(2_000);
  assert.equal(here.live.state.name, "reconnecting");
  assert.ok(here.live.state.tries >= 1);
  await here.time.pass(20_000);
  const { length } = here.server.polls;
  await here.time.pass(80_000);
  assert.equal(here.server.polls.length - length, 10); // every eight seconds
  here.server.publish(7);
  here.server.polling = "answers";
  await here.time.pass(8_000);
  assert.equal(here.live.state.caughtUp.replayed, 7);
  isUpToDate(here);
});

test("asked to wait, it waits", async () => {
  const here = await blocked();
  here.server.polling = 429;
  here.server.retryAfter = "60";
  await here.time.pass(2_000);
  const { length } = here.server.polls;
  await here.time.pass(59_000);
  assert.equal(here.server.polls.length, length);
  here.server.polling = "answers";
  await here.time.pass(2_000);
  assert.equal(here.live.state.name, "live");
});

test("signed out and forbidden are final for both carriers; a proxy's refusal is not", async () => {
  for (const [status, name] of [[401, "signed_out"], [403, "forbidden"]]) {
    const here = await blocked();
    here.server.polling = status;
    await here.time.pass(2_000);
    assert.equal(here.live.state.name, name);
    const { sockets, polls } = here.server;
    const { length } = polls;
    await here.time.pass(600_000);
    assert.equal(here.server.sockets, sockets);
    assert.equal(polls.length, length);
  }
  const here = await blocked();
  here.server.polling = 502;
  await here.time.pass(2_000);
  assert.equal(here.live.state.name, "reconnecting");
});

test("a refused subscription is asked for once", async () => {
  const here = page();
  here.server.refuse = "unknown";
  here.live.start();
  for (let losses = 0; losses < 3; losses += 1) {
    here.server.block();
    await here.time.pass(300);
  }
  assert.equal(here.store.gone, true);
  await here.time.pass(6_000);
  assert.deepEqual(here.server.polls.at(-1).subscriptions, []);
});

test("a page that had a socket gives it longer: a restart of the server must not bring every page back twice", async () => {
  const here = page();
  here.live.start();
  here.server.accept();
  here.server.cut();
  for (const wait of [250, 500, 1_000]) {
    await here.time.pass(wait);
    here.server.block();
  }
  assert.equal(here.server.polls.length, 0);
  await here.time.pass(2_000);
  here.server.block();
  await here.time.pass(10);
  assert.equal(here.live.state.transport, "polling");
});

test("what was stopped is silent", async () => {
  const here = await blocked();
  here.live.stop();
  const { length } = here.server.polls;
  await here.time.pass(60_000);
  assert.equal(here.server.polls.length, length);
  assert.equal(here.time.pending, 0);
});
