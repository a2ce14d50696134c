import assert from "node:assert/strict";
import { test } from "node:test";

import { HistoryTeller } from "../../static/js/live/history_teller.js";
import { TimelineSpans } from "../../static/js/live/timeline_spans.js";
import { History } from "./history.js";

test("events go on with the phases, and what there are too many of is thinned, not cut", () => {
  const spans = new TimelineSpans({ seq: 0, phases: [["queued", "t", null]], events: [], children: [] }, "");
  const history = new History(900);
  history.add("claimed", { data: { worker: "w" } });
  spans.note(history.wire(1, history.length));
  assert.deepEqual(spans.phases.map(([status]) => status), ["queued", "queued", "running"]);
  assert.ok(spans.events.length > 100 && spans.events.length <= 400);
  assert.equal(spans.events[0], history.wire(1, 1)[0][1]);
});

test("an event counts once, whether the page, an answer or the connection brings it, and in whatever order", async (t) => {
  const history = new History(1);
  history.add("claimed", { data: { worker: "w" } });
  history.add("succeeded");
  const all = new TimelineSpans({ seq: 0, phases: [], events: [], children: [] }, "");
  all.note(history.wire(1, 3));
  const after = (/** @type {number} */ seq) => ({ seq, phases: all.phases.slice(0, seq), events: all.events.slice(0, seq), children: [] });
  for (const seq of [1, 2, 3]) {
    /** @type {(answer: unknown) => void} */
    let answer = () => {};
    t.mock.method(globalThis, "fetch", () => new Promise((resolve) => (answer = resolve)));
    const spans = new TimelineSpans(after(2), "");
    const read = spans.read(new AbortController().signal);
    spans.note(history.wire(2, 3));
    answer({ ok: true, json: async () => after(seq) });
    assert.equal(await read, true);
    spans.note(history.wire(3, 3));
    assert.deepEqual([spans.phases, spans.events], [all.phases, all.events], `an answer as of ${seq}`);
  }
});

test("children are looked at again while one of them goes on", () => {
  let now = 10_000;
  const child = { id: "c", url: "/c/", definition: "d", status: "running", created_at: "t", finished_at: null };
  const spans = new TimelineSpans({ seq: 0, phases: [], events: [], children: [child] }, "", () => now);
  assert.ok(spans.isDue);
  spans.children = [{ ...child, finished_at: "t" }];
  now += 10_000;
  assert.ok(!spans.isDue);
});

test("events are told with what they replace and after how long, from the state that they follow", () => {
  const history = new History(3);
  const teller = new HistoryTeller();
  teller.follow(history.stateAt(3));
  history.add("value_set", { key: "n", data: { value: 9 } });
  const [event] = history.wire(4, 4);
  const { diff, delta } = teller.row(event);
  assert.deepEqual(diff?.changes.map(({ old, new: now }) => [old, now]), [["2", "9"]]);
  assert.equal(delta, "+1.0 s");
  teller.forget();
  assert.equal(teller.row(event).delta, "");
});
