import assert from "node:assert/strict";
import { test } from "node:test";

import { OverviewStore } from "../../static/js/live/overview_store.js";
import { Subscriptions } from "../../static/js/live/subscriptions.js";

const frame = (version, cells, whole = false) => ({ t: "overview", topic: "counters", version, whole, cells });

function followed(cells = {}) {
  const store = new OverviewStore("counters");
  store.apply(frame(1, cells, true));
  const changes = [];
  store.subscribe((change) => changes.push(change));
  return { store, changes };
}

test("the whole replaces everything, and a part only what it names", () => {
  const { store, changes } = followed({ queued: 2, failed: 1 });
  store.apply(frame(2, { queued: 3 }));
  assert.deepEqual(Object.fromEntries(store.cells), { queued: 3, failed: 1 });
  store.apply(frame(3, { queued: 4 }, true));
  assert.deepEqual(Object.fromEntries(store.cells), { queued: 4 });
  assert.deepEqual(changes.map(({ cells }) => [...cells].sort()), [["queued"], ["failed", "queued"]]);
});

test("null means that a cell is gone", () => {
  const { store, changes } = followed({ queued: 2, failed: 1 });
  store.apply(frame(2, { failed: null }));
  assert.deepEqual([...store.cells.keys()], ["queued"]);
  assert.deepEqual([...changes[0].cells], ["failed"]);
});

test("late and doubled parts change nothing, and what is the same is not announced", () => {
  const { store, changes } = followed({ a: { queued: 1 } });
  store.apply(frame(1, { a: { queued: 9 } }));
  store.apply(frame(5, { a: { queued: 1 } }));
  assert.deepEqual(store.cells.get("a"), { queued: 1 });
  assert.deepEqual(changes, []);
});

test("another process may begin its versions anew", () => {
  const { store } = followed({ queued: 2 });
  store.apply(frame(40, { queued: 5 }));
  store.apply(frame(1, { queued: 6 }, true));
  store.apply(frame(2, { queued: 7 }));
  assert.equal(store.cells.get("queued"), 7);
});

test("cells named like properties of objects are cells", () => {
  const { store } = followed(JSON.parse('{"constructor":1,"__proto__":2}'));
  assert.equal(store.cells.get("constructor"), 1);
  assert.equal(store.cells.get("__proto__"), 2);
  store.apply(frame(2, {}, true));
  assert.equal(store.cells.size, 0);
});

test("who may not see it any more is told, and forgets it", () => {
  const { store, changes } = followed({ queued: 2 });
  const said = [];
  const subscriptions = new Subscriptions((text) => said.push(JSON.parse(text)), () => 0);
  subscriptions.add(store);
  assert.deepEqual(said, [{ t: "subscribe", topic: "counters" }]);
  subscriptions.receive({ t: "error", topic: "counters", code: "unknown", message: "no" });
  assert.equal(store.gone, true);
  assert.equal(store.cells.size, 0);
  assert.equal(changes.at(-1).gone, true);
});

test("the first frame confirms the subscription, so that it is not asked for again", () => {
  let now = 0;
  const said = [];
  const subscriptions = new Subscriptions((text) => said.push(text), () => now);
  subscriptions.add(new OverviewStore("queues"));
  subscriptions.receive({ t: "overview", topic: "queues", version: 1, whole: true, cells: {} });
  now = 60_000;
  subscriptions.repeat();
  assert.equal(said.length, 1);
  assert.equal(subscriptions.settled, true);
});
