import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { fold } from "../../static/js/live/fold.js";
import { unpacked } from "../../static/js/live/page_state.js";
import { WorkflowStore } from "../../static/js/live/workflow_store.js";
import { History, plain } from "./history.js";

const cases = new URL("../fold_cases.json", import.meta.url);

function following(history, at = history.length) {
  const store = new WorkflowStore(history.stateAt(at), history.wire(1, at), history.epoch);
  const changes = [];
  store.subscribe((change) => changes.push(change));
  return { store, changes };
}

test("the recorded histories fold to the states that the database showed", () => {
  assert.ok(existsSync(cases), "tests/fold_cases.json is missing; pytest tests/workflows/test_fold.py records it");
  const recorded = JSON.parse(readFileSync(cases, "utf8"));
  assert.ok(recorded.length >= 8);
  for (const { name, before, events, after } of recorded) assert.deepEqual(plain(fold(before, events)), after, name);
});

test("a page that says the names of steps' fields once carries the whole state", () => {
  const state = new History(5).stateAt(5);
  const steps = { 3: { position: 3, name: "pack", status: "failed", error: { type: "ValueError" } }, 7: { position: 7, name: "__proto__", status: "running", error: null } };
  const fields = ["position", "name", "status", "error"];
  const rows = Object.values(steps).map((step) => fields.map((field) => step[field]));
  assert.deepEqual(unpacked({ ...state, steps: { fields, rows } }), { ...state, steps });
});

test("an event that does not follow is refused, and folding changes nothing of its arguments", () => {
  const history = new History(5);
  const before = history.stateAt(2);
  assert.throws(() => fold(before, history.wire(4, 5)), RangeError);
  const copy = structuredClone(before);
  fold(before, history.wire(3, 5));
  assert.deepEqual(before, copy);
});

test("a frame names what it changed", () => {
  const history = new History(3);
  const { store, changes } = following(history);
  history.add("value_set", { key: "phase", data: { value: "packing" } });
  history.add("step_started", { position: 4, data: { name: "pack", attempt: 1, worker: "w" } });
  store.apply(history.frame(4, 5));
  const [change] = changes;
  assert.deepEqual([...change.keys], ["phase"]);
  assert.deepEqual([...change.steps], ["4"]);
  assert.equal(change.workflow, false);
  assert.deepEqual(change.events, history.wire(4, 5));
  assert.deepEqual(plain(store.state), history.stateAt(5));
});

test("a frame that overlaps what is known adds only the new events", () => {
  const history = new History(10);
  const { store } = following(history, 6);
  store.apply(history.frame(3, 9));
  assert.equal(store.state.seq, 9);
  assert.deepEqual(store.events, history.wire(1, 9));
});

test("a doubled frame changes nothing; a gap changes nothing and says so", () => {
  const history = new History(10);
  const { store, changes } = following(history, 6);
  assert.equal(store.apply(history.frame(2, 6)).kind, "duplicate");
  assert.equal(store.apply(history.frame(8, 10)).kind, "gap");
  assert.equal(store.state.seq, 6);
  assert.deepEqual(changes, []);
});

test("events of another epoch are a gap, a snapshot replaces everything", () => {
  const history = new History(6);
  const { store, changes } = following(history);
  const other = new History(4, "other");
  assert.equal(store.apply(other.frame(1, 4)).kind, "gap");
  store.apply(other.snapshot(4));
  assert.deepEqual(plain(store.state), other.stateAt(4));
  assert.deepEqual(store.cursor, { epoch: "other", seq: 4 });
  assert.equal(changes[0].kind, "snapshot");
});

test("a deleted workflow keeps its last picture and is marked gone", () => {
  const history = new History(3);
  const { store, changes } = following(history);
  store.apply({ t: "reset", topic: store.topic, reason: "gone" });
  assert.equal(store.gone, true);
  assert.equal(store.state.seq, 3);
  assert.equal(changes[0].kind, "gone");
});

test("keys that mean something to JavaScript are keys like any other", () => {
  const history = new History(1);
  for (const key of ["__proto__", "constructor", "toString"]) history.add("value_set", { key, data: { value: key } });
  const { store } = following(history, 1);
  store.apply(JSON.parse(JSON.stringify(history.frame(2, 4))));
  assert.deepEqual(Object.keys(store.state.values), ["__proto__", "constructor", "toString"]);
  assert.equal({}.value, undefined);
});

test("memory is bounded: only the latest events are kept", () => {
  const history = new History(1000);
  const store = new WorkflowStore(history.stateAt(0), [], history.epoch, { keep: 100 });
  for (let seq = 1; seq <= 1000; seq += 10) store.apply(history.frame(seq, seq + 9));
  assert.equal(store.state.seq, 1000);
  assert.ok(store.events.length <= 200);
  assert.deepEqual(store.events.at(-1), history.wire(1000, 1000)[0]);
});
