/** A slow page paints less often, and misses nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ListStore } from "../../static/js/live/list_store.js";
import { WorkflowStore } from "../../static/js/live/workflow_store.js";
import { History } from "./history.js";

/** A screen that paints when the test says so. */
class Screen {
  #acts = [];
  schedule = (act) => this.#acts.push(act);

  paint() {
    for (const act of this.#acts.splice(0)) act();
  }
}

function slowPage(history, at) {
  const screen = new Screen();
  const store = new WorkflowStore(history.stateAt(at), [], history.epoch, { schedule: screen.schedule });
  const changes = [];
  store.subscribe((change) => changes.push(change));
  return { screen, store, changes };
}

test("frames between two paints are one change with everything in it, and the cursor does not wait", () => {
  const history = new History(3);
  history.add("step_started", { position: 4, data: { name: "pack", attempt: 1, worker: "w" } });
  history.add("value_set", { key: "phase", data: { value: "packing" } });
  const { screen, store, changes } = slowPage(history, 1);
  for (let seq = 2; seq <= 5; seq += 1) store.apply(history.frame(seq, seq));
  assert.deepEqual(store.cursor, { epoch: "epoch-1", seq: 5 });
  assert.equal(changes.length, 0);
  screen.paint();
  assert.equal(changes.length, 1);
  assert.deepEqual([...changes[0].keys], ["n", "phase"]);
  assert.deepEqual([...changes[0].steps], ["4"]);
  assert.deepEqual(changes[0].events, history.wire(2, 5));
  store.apply(history.frame(2, 5));
  screen.paint();
  assert.equal(changes.length, 1);
});

test("a snapshot makes what came before it void", () => {
  const history = new History(4);
  const { screen, store, changes } = slowPage(history, 1);
  store.apply(history.frame(2, 4));
  const other = new History(2, "other");
  store.apply(other.snapshot());
  other.add("value_set", { key: "late", data: { value: 1 } });
  store.apply(other.frame(3, 3));
  screen.paint();
  assert.equal(changes[0].kind, "snapshot");
  assert.deepEqual(changes[0].events, other.wire(1, 3));
  assert.ok(changes[0].keys.has("late"));
});

test("a tab that did not paint for long gets the latest events, not all of them", () => {
  const history = new History(3_000);
  const { screen, store, changes } = slowPage(history, 0);
  for (let seq = 1; seq <= 3_000; seq += 10) store.apply(history.frame(seq, seq + 9));
  screen.paint();
  assert.equal(changes.length, 1);
  assert.equal(changes[0].kind, "snapshot");
  assert.ok(changes[0].events.length <= 1_000);
  assert.deepEqual(changes[0].events.at(-1), history.wire(3_000, 3_000)[0]);
});

test("rows of a list are merged by id and field", () => {
  const screen = new Screen();
  const rows = [{ id: "a", seq: 1, status: "running", progress: null }];
  const store = new ListStore(rows, { since: "2026-11-23T10:00:00Z", schedule: screen.schedule });
  const changes = [];
  store.subscribe((change) => changes.push(change));
  const frame = (row, fresh = []) => ({ t: "rows", topic: "workflows", rows: [row], fresh, more: false });
  store.apply(frame({ ...rows[0], seq: 2, progress: { done: 1 } }));
  store.apply(frame({ ...rows[0], seq: 3, progress: { done: 1 }, status: "failed" }, [["x", "queued", "d"]]));
  screen.paint();
  assert.equal(changes.length, 1);
  assert.deepEqual([...changes[0].rows], [["a", new Set(["seq", "progress", "status"])]]);
  assert.equal(changes[0].pending, true);
});
