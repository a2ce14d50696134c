import assert from "node:assert/strict";
import { test } from "node:test";

import { Selection, verbWords } from "../../static/js/lib/selection.js";

const failed = { status: "failed", pinned: false };
const running = { status: "running", pinned: true };
const resume = { name: "resume", label: "Resume", statuses: ["failed", "cancelled"], skips_pinned: null };
const pin = { name: "pin", label: "Pin", statuses: ["failed", "running"], skips_pinned: true };
const unpin = { ...pin, name: "unpin", label: "Unpin", skips_pinned: false };

test("a verb counts those whose status allows it, and pinning leaves out what is pinned", () => {
  const selection = new Selection([["a", failed], ["b", running], ["c", failed]]);
  assert.deepEqual([resume, pin, unpin].map((verb) => selection.applies(verb)), [2, 2, 1]);
  assert.equal(verbWords(resume, selection), "Resume 2 of 3…");
  selection.delete("b");
  assert.equal(verbWords(resume, selection), "Resume 2…");
});

test("what moves is noted of selected workflows only, and selects nothing", () => {
  const selection = new Selection([["a", running]]);
  assert.equal(selection.note("a", { status: "failed", pinned: true }), true);
  assert.equal(selection.note("b", failed), false);
  assert.deepEqual([selection.ids, selection.applies(resume)], [["a"], 1]);
});

test("the words say how many are on other pages", () => {
  const selection = new Selection([["a", failed], ["b", failed]]);
  assert.equal(selection.words(() => true), "2 selected");
  assert.equal(selection.words((id) => id === "a"), "2 selected (1 not in this view)");
});

test("a selection is kept as text, and what is no selection is none", () => {
  const selection = new Selection([["<b>/é", failed], ["b", running]]);
  const again = new Selection(Selection.entries(selection.text));
  assert.deepEqual([again.ids, again.applies(unpin)], [["<b>/é", "b"], 1]);
  for (const text of [null, "", "nonsense", "{}", "3", '["a"]', '[["a"]]', '[[1, {"status": "failed"}]]']) {
    assert.equal(new Selection(Selection.entries(text)).size, 0, String(text));
  }
});
