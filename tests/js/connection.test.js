import assert from "node:assert/strict";
import { test } from "node:test";

import { ANNOUNCED, facts, receipt, resynced, shownState, words } from "../../static/js/lib/connection.js";
import { CLOSE } from "../../static/js/live/protocol.js";

const LIVE = { name: "live", transport: "websocket", tries: 0, retryAt: null, asOf: null, paused: false, waiting: 0 };
const MOMENT = { now: 1_000_000, quiet: 0, behind: null };

function said(state, moment = {}) {
  const all = { ...MOMENT, ...moment };
  const whole = { ...LIVE, caughtUp: null, resync: null, ...state };
  return words(shownState(whole, all.behind), whole, all);
}

test("every state has its words", () => {
  assert.equal(said({ name: "connecting" }), "Connecting…");
  assert.equal(said({}), "Live");
  assert.equal(said({}, { quiet: 59_000 }), "Live");
  assert.equal(said({}, { quiet: 185_000 }), "Live, quiet 3 min");
  assert.equal(said({}, { quiet: 7_500_000 }), "Live, quiet 2 h 05 min");
  assert.equal(said({ transport: "polling" }), "Live by polling");
  assert.equal(said({}, { behind: 9_100 }), "Server is 9 s behind");
  assert.equal(said({ name: "reconnecting", tries: 3, retryAt: 1_003_500 }), "Reconnecting (try 3, 4 s)");
  assert.equal(said({ name: "reconnecting", tries: 3 }), "Reconnecting (try 3)");
  assert.equal(said({ name: "signed_out" }), "Signed out");
  assert.equal(said({ name: "forbidden" }), "Your account may no longer watch this");
});

test("paused by the reader goes before everything but a lost right", () => {
  const paused = { paused: true, asOf: Date.parse("2026-11-23T12:03:09Z"), waiting: 41 };
  assert.equal(said(paused), "Paused 12:03:09 UTC, 41 waiting");
  assert.equal(said({ ...paused, waiting: 0, name: "reconnecting" }), "Paused 12:03:09 UTC");
  assert.equal(said({ ...paused, name: "signed_out" }), "Signed out");
});

test("the receipt counts what was replayed, and says for how long it was away", () => {
  const caughtUp = { cause: "loss", away: 300, replayed: 37, topics: 1 };
  assert.equal(receipt(caughtUp), "Reconnected. Replayed 37 events, no gap.");
  assert.equal(receipt({ ...caughtUp, away: 12_000, replayed: 1 }), "Reconnected after 12 s. Replayed 1 event, no gap.");
  assert.equal(receipt({ ...caughtUp, cause: "pause" }), "Going on. Replayed 37 events, no gap.");
  assert.equal(receipt({ ...caughtUp, topics: 0, replayed: 0 }), "Reconnected. The list is up to date.");
});

test("a view that was rebuilt says why and at which event", () => {
  assert.equal(resynced({ reason: "trimmed", seq: 5001 }), "History shortened by retention; view rebuilt at event 5,001.");
  for (const reason of ["epoch", "ahead", "of a later version"]) {
    assert.match(resynced({ reason, seq: 3 }), /view rebuilt at event 3\.$/);
  }
});

test("the details name the newest event, the delay and the transport", () => {
  const last = { at: "2026-11-23T12:00:00Z", seq: 4183 };
  const known = { now: Date.parse("2026-11-23T12:00:12Z"), last, p50: 18, p95: 1400, code: null };
  const found = Object.fromEntries(facts("live", { ...LIVE, caughtUp: null, resync: null }, known));
  assert.equal(found["Last event"], "12 s ago, number 4,183");
  assert.equal(found.Delay, "p50 18 ms, p95 1,400 ms after the commit");
  assert.equal(found.Transport, "WebSocket");
  const state = { ...LIVE, transport: "polling", resync: { reason: "epoch", seq: 1 } };
  const polling = facts("polling", state, { ...known, code: CLOSE.too_many });
  assert.match(Object.fromEntries(polling).Transport, /too many pages/);
  assert.ok(polling.some(([label]) => label === "Rebuilt"));
});

test("every state is announced and explained", () => {
  const known = { now: 0, last: null, p50: null, p95: null, code: null };
  for (const [shown, words] of Object.entries(ANNOUNCED)) {
    assert.equal(typeof words, "string");
    assert.ok(facts(shown, LIVE, known)[0][1], shown);
  }
});
