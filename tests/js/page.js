/** A page under test: its live layer, a server, and the network between them. */

import assert from "node:assert/strict";

import { Clock } from "../../static/js/live/clock.js";
import { Live } from "../../static/js/live/live.js";
import { WorkflowStore } from "../../static/js/live/workflow_store.js";
import { FakeServer } from "./fake_server.js";
import { FakeTime } from "./fake_time.js";
import { History, plain } from "./history.js";

/**
 * A page with one workflow, a server with its history, and a network between them.
 * @param {{length?: number, seenTo?: number, random?: () => number}} [options]
 */
export function page({ length = 5, seenTo = length, random = () => 0.5 } = {}) {
  const time = new FakeTime();
  const history = new History(length);
  const server = new FakeServer(history, time);
  const clock = new Clock(null, { local: time.now, timers: time });
  const options = { now: time.now, steady: time.now, timers: time, random, page: new EventTarget(), network: new EventTarget() };
  /** @param {string} body @param {AbortSignal} signal */
  const post = (body, signal) => server.post(body, signal);
  const live = new Live({ socketUrl: "ws://here/", post, clock, makeSocket: () => server.socket(), ...options });
  const store = new WorkflowStore(history.stateAt(seenTo), history.wire(1, seenTo), history.epoch, { keep: 5_000 });
  /** @type {Live["state"][]} */
  const states = [];
  live.subscribe((state) => states.push(state));
  live.follow(store);
  return { time, history, server, clock, live, store, states, ...options };
}

/** Forty seconds of a good connection. @param {{time: FakeTime, server: FakeServer}} page */
export function stayHealthy({ time, server }) {
  for (const ms of [20_000, 20_000]) {
    time.advance(ms);
    server.ping();
  }
}

/**
 * The page shows exactly what the server has, each event once.
 * @param {{store: WorkflowStore, history: History}} page
 */
export function isUpToDate({ store, history }) {
  assert.deepEqual(plain(store.state), history.stateAt(history.length));
  assert.deepEqual(store.events.map(([seq]) => seq), history.wire(1, history.length).map(([seq]) => seq));
}
