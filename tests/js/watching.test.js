/** Watching: what is kept, what is told and how often, and that a page follows what another one began to watch. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { favicon } from "../../static/js/lib/favicon.js";
import { notes, permissionOf } from "../../static/js/lib/notes.js";
import { KEPT, MOST, Watched, foremost, titleOf, words } from "../../static/js/lib/watched.js";
import { Watching } from "../../static/js/live/watching.js";
import { WorkflowStore } from "../../static/js/live/workflow_store.js";

const T = "2026-11-23T10:00:00.000000Z";
const running = { definition: "checkout", status: "running", address: "/workflows/a/", waiting: null };
const paying = { for: "message", name: "payment", since: T };

/** One browser: a storage that its pages share, and for each page the stores that it follows. */
class Browser {
  kept = new Map();

  open(own = null) {
    const [followed, told] = [new Map(), []];
    const live = () => ({
      follow(store) {
        followed.set(store.topic, store);
        return () => followed.delete(store.topic);
      },
    });
    const storage = { getItem: (key) => this.kept.get(key) ?? null, setItem: (key, text) => this.kept.set(key, text) };
    const watching = new Watching({ storage, key: KEPT, own, live });
    watching.subscribe((news) => told.push(...news.map(([id, facts]) => words(id, facts))));
    watching.start();
    return { watching, followed, told };
  }
}

function stateOf(id, { status = "running", waiting = null, values = {} } = {}) {
  const last_event = { seq: 3, kind: "value_set", at: T };
  const workflow = { id, definition: "checkout", status, waiting, started_at: T, takeovers: 0, worker: "w", last_event };
  return { seq: 3, workflow, values, steps: {} };
}

function answer(page, id, changes) {
  page.followed.get(`workflow:${id}`).apply({ t: "snapshot", epoch: "1", seq: 3, state: stateOf(id, changes), events: [] });
}

test("what ends is told once, however many pages are open, and again after it was resumed", () => {
  const browser = new Browser();
  const [one, other] = [browser.open(), browser.open()];
  assert.equal(one.watching.toggle("a", running), "watched");
  other.watching.read();
  for (const page of [one, other]) answer(page, "a", {});
  for (const page of [one, other, one]) answer(page, "a", { status: "failed" });
  assert.deepEqual([...one.told, ...other.told], ["✗ a failed"]);
  const later = browser.open();
  answer(later, "a", { status: "failed" });
  assert.deepEqual(later.told, []);
  answer(later, "a", { status: "running" });
  answer(later, "a", { status: "failed" });
  assert.deepEqual(later.told, ["✗ a failed"]);
});

test("one that waits for a message needs somebody, each time it does; who began to watch it then knows", () => {
  const page = new Browser().open();
  page.watching.toggle("a", { ...running, status: "waiting" });
  answer(page, "a", { status: "waiting", waiting: paying });
  assert.deepEqual(page.told, []);
  answer(page, "a", { status: "running" });
  answer(page, "a", { status: "waiting", waiting: { for: "time", until: T } });
  assert.deepEqual(page.told, []);
  answer(page, "a", { status: "waiting", waiting: { ...paying, since: "2026-11-23T11:00:00.000000Z" } });
  assert.deepEqual(page.told, ["⧗ a waits for message “payment”"]);
});

test("one that ended while no page was open is told by the next page", () => {
  const browser = new Browser();
  const first = browser.open();
  first.watching.toggle("a", running);
  answer(first, "a", {});
  const next = browser.open();
  answer(next, "a", { status: "succeeded" });
  assert.deepEqual(next.told, ["✓ a succeeded"]);
  const deleted = browser.open();
  deleted.followed.get("workflow:a").apply({ t: "reset", topic: "workflow:a", reason: "gone" });
  assert.deepEqual(deleted.told, ["✗ a is deleted"]);
});

test("who opens the page of one that has ended has seen it; while it goes on, its page uses its own store", () => {
  const browser = new Browser();
  browser.open().watching.toggle("a", running);
  const own = new WorkflowStore(stateOf("a"), [], "1");
  const page = browser.open(own);
  assert.deepEqual([page.watching.has("a"), page.followed.size], [true, 0]);
  own.apply({ t: "snapshot", epoch: "1", seq: 4, state: stateOf("a", { status: "succeeded" }), events: [] });
  assert.deepEqual(page.told, ["✓ a succeeded"]);
  assert.equal(page.watching.has("a"), true);
  const again = browser.open(new WorkflowStore(stateOf("a", { status: "succeeded" }), [], "1"));
  assert.equal(again.watching.has("a"), false);
  page.watching.read();
  assert.deepEqual(page.watching.all, []);
});

test("a page follows what another one watches, stops with it, and holds no more than twenty", () => {
  const browser = new Browser();
  const [one, other] = [browser.open(), browser.open()];
  for (let number = 0; number < MOST; number += 1) one.watching.toggle(`w-${number}`, running);
  assert.equal(one.watching.toggle("one-more", running), "full");
  other.watching.read();
  assert.equal(other.followed.size, MOST);
  assert.equal(other.watching.toggle("w-3", running), "left");
  one.watching.read();
  assert.deepEqual([one.followed.has("workflow:w-3"), one.followed.size, one.watching.has("w-3")], [false, MOST - 1, false]);
  answer(other, "w-4", { status: "failed" });
  assert.equal(one.watching.toggle("w-5", running), "left");
  assert.equal(new Watched(Watched.entries(browser.kept.get(KEPT))).get("w-4")?.status, "failed");
});

test("what is kept and is no such thing is left out", () => {
  const bad = ["x", "{}", "null", "[1]", '[["a"]]', '[["a",{"status":"running","address":"javascript:alert(1)"}]]',
    '[["a",{"status":"running","address":"//evil.example/"}]]', '[["a",{"status":1,"address":"/a/"}]]'];
  for (const text of [null, ...bad]) assert.deepEqual(Watched.entries(text), [], text ?? "nothing");
  const many = Array.from({ length: 30 }, (_, number) => [`w-${number}`, running]);
  assert.equal(new Watched(Watched.entries(JSON.stringify(many))).size, MOST);
});

test("a tab speaks of its own workflow, else of the one that matters most", () => {
  const all = [
    ["a", { ...running, fraction: 0.429 }],
    ["b", { ...running, status: "succeeded" }],
    ["c", { ...running, status: "waiting", waiting: paying }],
    ["d", { ...running, status: "failed" }],
  ];
  assert.equal(titleOf([]), "");
  assert.equal(titleOf(all.slice(0, 1)), "◔ 42 % a running");
  assert.equal(titleOf(all.slice(0, 2)), "✓ b succeeded +1");
  assert.equal(titleOf(all.slice(0, 3)), "⧗ c waits for message “payment” +2");
  assert.equal(titleOf(all), "✗ d failed +3");
  assert.equal(titleOf(all, "a"), "◔ 42 % a running +3");
  assert.equal(foremost(all)?.[0], "d");
});

test("the icon is an image of its own for each status, and a ring that fills", () => {
  const addresses = ["running", "waiting", "succeeded", "failed", "cancelled", "quarantined", "queued"].map((one) => favicon(one, "#123456"));
  assert.equal(new Set(addresses).size, addresses.length);
  for (const address of addresses) assert.match(decodeURIComponent(address), /^data:image\/svg\+xml,<svg [^]*#123456[^]*<\/svg>$/);
  assert.notEqual(favicon("running", "#123456", 0.1), favicon("running", "#123456", 0.9));
});

test("what the browser lets a page say is said in words", () => {
  assert.equal(permissionOf({ isSecureContext: false }), "insecure");
  assert.equal(permissionOf({ isSecureContext: true }), "missing");
  for (const permission of ["granted", "denied", "default"]) assert.equal(permissionOf({ Notification: { permission } }), permission);
  assert.match(notes("denied").whole, /blocked/);
  assert.deepEqual([notes("default").ask, notes("granted").ask], [true, false]);
});
