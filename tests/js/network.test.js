import assert from "node:assert/strict";
import { test } from "node:test";

import { isUpToDate, page } from "./page.js";

test("whatever a network drops, doubles and cuts, the page ends with the whole history and each event once", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = generator(seed);
    const here = page({ length: 3, random });
    const seen = [];
    here.store.subscribe(({ events }) => seen.push(...events.map(([seq]) => seq)));
    here.live.start();
    for (let round = 0; round < 60; round += 1) {
      here.server.accept();
      const dice = random();
      if (dice < 0.15) here.server.dropNext = 1 + Math.floor(random() * 3);
      else if (dice < 0.3) here.server.doubleNext = 1;
      else if (dice < 0.45) here.server.cut();
      else if (dice < 0.85) here.server.publish(1 + Math.floor(random() * 5));
      here.time.advance(random() * 3000);
    }
    here.server.dropNext = here.server.doubleNext = 0;
    for (let round = 0; round < 8; round += 1) {
      here.time.advance(8_000);
      here.server.accept();
      here.server.publish(1); // a socket loses nothing silently; should it, the next event tells
    }
    isUpToDate(here);
    assert.deepEqual(seen, Array.from({ length: here.history.length - 3 }, (_, n) => n + 4), `seed ${seed}`);
  }
});

test("so it does when the sockets come and go and polling steps in", async () => {
  const turns = { websocket: 0, polling: 0 };
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = generator(seed);
    const here = page({ length: 3, random });
    const seen = [];
    here.store.subscribe(({ events }) => seen.push(...events.map(([seq]) => seq)));
    here.live.subscribe(({ name, transport }) => name === "live" && (turns[transport] += 1));
    here.server.eventsPerPoll = 3;
    here.live.start();
    for (let round = 0; round < 40; round += 1) {
      const dice = random();
      if (dice < 0.3) here.server.block();
      else if (dice < 0.5) here.server.accept();
      else if (dice < 0.6) here.server.cut();
      else if (dice < 0.7) here.server.polling = random() < 0.5 ? "fails" : "hangs";
      else if (dice < 0.8) here.server.polling = "answers";
      else here.server.publish(1 + Math.floor(random() * 5));
      await here.time.pass(random() * 3000);
    }
    here.server.polling = "answers";
    await here.time.pass(90_000);
    isUpToDate(here);
    assert.deepEqual(seen, Array.from({ length: here.history.length - 3 }, (_, n) => n + 4), `seed ${seed}`);
    assert.equal(here.server.mostAtOnce <= 1, true);
  }
  assert.ok(turns.websocket > 40 && turns.polling > 40, JSON.stringify(turns));
});

/** mulberry32: small, seeded, good enough to choose faults. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
