/** Plays frames that a server sent into the browser's store, and compares its state with the database's. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { WorkflowStore } from "../../static/js/live/workflow_store.js";
import { plain } from "./history.js";

/**
 * @typedef {import("../../static/js/live/protocol.js").TopicFrame} TopicFrame
 * @typedef {{frames: TopicFrame[], state: import("../../static/js/live/protocol.js").State}} Replay
 */

for (const { frames, state } of /** @type {Replay[]} */ (JSON.parse(readFileSync(process.argv[2], "utf8")))) {
  const first = frames.find((frame) => frame.t === "snapshot");
  assert.ok(first);
  const store = new WorkflowStore(structuredClone(first.state), first.events, first.epoch);
  for (const frame of frames.slice(frames.indexOf(first) + 1)) {
    assert.notEqual(store.apply(frame).kind, "gap", JSON.stringify(frame).slice(0, 200));
  }
  assert.deepEqual(plain(store.state), state);
}
