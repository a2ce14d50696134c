import assert from "node:assert/strict";
import { test } from "node:test";

import { MomentStore, STRETCH } from "../../static/js/live/moment_store.js";
import { WorkflowStore } from "../../static/js/live/workflow_store.js";
import { History, plain } from "./history.js";

/** A page that is live at the end of the history, and a server that knows all of it. */
function page(history, { past = null } = {}) {
  const inner = new WorkflowStore(history.stateAt(history.length), [], history.epoch);
  const asked = [];
  const load = async (seq) => {
    asked.push(seq);
    const last = Math.min(history.length, seq + STRETCH);
    return {
      epoch: history.epoch,
      state: history.stateAt(seq),
      before: seq > 0 ? history.wire(Math.max(1, seq - 199), seq) : [],
      events: seq < history.length ? history.wire(seq + 1, last) : [],
    };
  };
  const store = new MomentStore(inner, load, past);
  const changes = [];
  store.subscribe((change) => changes.push(change));
  return { inner, store, asked, changes };
}

test("live it is its inner store", () => {
  const history = new History(5);
  const { inner, store, changes } = page(history);
  history.add("value_set", { key: "phase", data: { value: "packing" } });
  inner.apply(history.frame(6, 6));
  assert.equal(store.viewing, null);
  assert.deepEqual(plain(store.state), history.stateAt(6));
  assert.deepEqual(changes.map(({ kind }) => kind), ["events"]);
});

test("every moment is the state after that event, and a stretch is read once", async () => {
  const history = new History(600);
  const { store, asked } = page(history);
  for (const seq of [1, 250, 251, 300, 599, 260, 2]) {
    await store.view(seq);
    assert.equal(store.viewing, seq);
    assert.deepEqual(plain(store.state), history.stateAt(seq));
    assert.equal(store.events.at(-1)[0], seq);
  }
  assert.deepEqual(asked, [0, 250, 500]);
});

test("what arrives meanwhile does not move the past, and is there on the way back", async () => {
  const history = new History(20);
  const { inner, store, changes } = page(history);
  await store.view(7);
  changes.length = 0;
  history.add("value_set", { key: "phase", data: { value: "late" } });
  inner.apply(history.frame(21, 21));
  assert.deepEqual(plain(store.state), history.stateAt(7));
  assert.equal(store.last, 21);
  assert.deepEqual(changes.map(({ kind }) => kind), ["ahead"]);
  store.live();
  assert.equal(store.viewing, null);
  assert.deepEqual(plain(store.state), history.stateAt(21));
  assert.equal(changes.at(-1).kind, "snapshot");
});

test("the newest event is live, and what lies before the first is the first", async () => {
  const history = new History(9);
  const { store } = page(history);
  await store.view(0);
  assert.equal(store.viewing, 1);
  await store.view(9);
  assert.equal(store.viewing, null);
});

test("an answer to an earlier question is no news", async () => {
  const history = new History(600);
  const { store } = page(history);
  const early = store.view(10);
  const late = store.view(400);
  await Promise.all([late, early]);
  assert.equal(store.viewing, 400);
  const lost = store.view(20);
  store.live();
  await lost;
  assert.equal(store.viewing, null);
});

test("a stretch that was read at its edge is read again once it has grown", async () => {
  const history = new History(20);
  const { inner, store, asked } = page(history);
  await store.view(19);
  for (let n = 0; n < 5; n += 1) history.add("value_set", { key: "n", data: { value: n } });
  inner.apply(history.frame(21, 25));
  await store.view(24);
  assert.deepEqual(plain(store.state), history.stateAt(24));
  assert.deepEqual(asked, [0, 0]);
});

test("a page that was opened at a moment shows it without asking", () => {
  const history = new History(30);
  const past = { state: history.stateAt(12), events: [] };
  const { store, asked } = page(history, { past });
  assert.equal(store.viewing, 12);
  assert.equal(store.last, 30);
  assert.deepEqual(asked, []);
});

test("a past that cannot be read leaves the page where it is", async () => {
  const history = new History(30);
  const inner = new WorkflowStore(history.stateAt(30), [], history.epoch);
  const store = new MomentStore(inner, async () => { throw new Error("503"); });
  await assert.rejects(store.view(3));
  assert.equal(store.viewing, null);
});
