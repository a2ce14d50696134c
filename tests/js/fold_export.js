/** Folds exported workflows as a browser does, and compares with the state that each file says. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { fold } from "../../static/js/live/fold.js";
import { plain } from "./history.js";

for (const file of process.argv.slice(2)) {
  const { before, events, state } = JSON.parse(readFileSync(file, "utf8"));
  assert.deepEqual(plain(fold(before, events)), state);
}
