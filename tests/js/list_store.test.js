import assert from "node:assert/strict";
import { test } from "node:test";

import { ListStore } from "../../static/js/live/list_store.js";

const row = (id, seq, status = "running", more = {}) => ({ id, seq, status, definition: "d", progress: null, ...more });
const frame = (rows, fresh = [], more = false) => ({ t: "rows", topic: "workflows", rows, fresh, more });

function followed(rows, filter) {
  const store = new ListStore(rows, { filter, since: "2026-11-23T10:00:00Z" });
  const changes = [];
  store.subscribe((change) => changes.push(change));
  return { store, changes };
}

test("a visible row is patched in place and only its changed fields are named", () => {
  const { store, changes } = followed([row("a", 3, "running", { progress: { done: 1 } }), row("b", 1)]);
  store.apply(frame([row("a", 5, "running", { progress: { done: 2 } })]));
  assert.deepEqual([...changes[0].rows], [["a", new Set(["seq", "progress"])]]);
  assert.deepEqual([...store.rows.keys()], ["a", "b"]);
});

test("the higher seq wins: late and doubled rows change nothing and announce nothing", () => {
  const { store, changes } = followed([row("a", 5)]);
  store.apply(frame([row("a", 4, "failed")]));
  store.apply(frame([row("a", 5, "failed")]));
  assert.equal(store.rows.get("a").status, "running");
  assert.deepEqual(changes, []);
});

test("rows that newly match are held back and counted by status", () => {
  const { store, changes } = followed([row("a", 1)]);
  store.apply(frame([], [["x", "queued", "d"], ["y", "failed", "d"], ["a", "failed", "d"]]));
  assert.deepEqual(store.pending, { count: 2, byStatus: { queued: 1, failed: 1 }, more: false, left: 0 });
  store.apply(frame([], [["x", "failed", "d"]]));
  assert.deepEqual(store.pending.byStatus, { failed: 2 });
  assert.equal(store.rows.size, 1);
  assert.equal(changes.length, 2);
});

test("what stopped matching while held back is no longer counted", () => {
  const { store } = followed([], { status: ["failed"] });
  store.apply(frame([], [["x", "failed", "d"]]));
  store.apply(frame([], [["x", "queued", "d"]]));
  assert.equal(store.pending.count, 0);
});

test("a visible row that no longer matches stays, and says so", () => {
  const { store, changes } = followed([row("a", 1, "running")], { status: ["running"] });
  store.apply(frame([row("a", 2, "succeeded")]));
  assert.equal(store.matches("a"), false);
  assert.equal(store.pending.left, 1);
  assert.equal(changes[0].pending, true);
});

test("a resumed subscription says which seq it has, so that only newer rows come", () => {
  const { store } = followed([row("a", 1), row("b", 2)]);
  store.apply(frame([row("a", 9)]));
  assert.deepEqual(store.known, [["a", 9], ["b", 2]]);
});

test("more means at least", () => {
  const { store, changes } = followed([]);
  store.apply(frame([], [], true));
  store.apply(frame([], [], true));
  assert.equal(store.pending.more, true);
  assert.equal(changes.length, 1);
});

test("a row whose value stops being as the filter wants it no longer matches", () => {
  const filter = { where: [["amount", "<", "50"]] };
  const { store, changes } = followed([row("a", 1, "running", { values: { amount: 2 } })], filter);
  store.apply(frame([row("a", 2, "running", { values: { amount: 70 } })]));
  assert.deepEqual([...changes[0].rows], [["a", new Set(["seq", "values"])]]);
  assert.equal(store.matches("a"), false);
  assert.equal(store.pending.left, 1);
});

test("what is asked for now and then is held back like what is told", () => {
  const { store, changes } = followed([row("a", 1)]);
  store.offer([{ id: "a", status: "running" }, { id: "b", status: "failed" }]);
  store.offer([{ id: "b", status: "failed" }]);
  assert.deepEqual(store.pending.byStatus, { failed: 1 });
  assert.equal(changes.length, 1);
});

test("while nobody looks no rows are followed, and afterwards from where they stand", () => {
  const { store } = followed([row("a", 1)]);
  store.dozes = true;
  assert.deepEqual(store.known, []);
  store.dozes = false;
  assert.deepEqual(store.known, [["a", 1]]);
});

test("what has happened to the rows is counted by their events, of which only the newest state arrives", () => {
  const { store } = followed([row("a", 1), row("b", 7)]);
  store.apply(frame([row("a", 31), row("b", 8), row("c", 900)]));
  store.apply(frame([row("b", 8), row("a", 30)]));
  assert.equal(store.moved, 31);
});
