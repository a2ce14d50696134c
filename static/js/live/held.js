/**
 * What a page that its reader paused holds back: counted, not kept. The cursors stay where they are, so going on
 * replays it.
 */

import { SERVER } from "./protocol.js";

export class Held {
  /** Topic -> events after the reader's cursor. @type {Map<string, number>} */
  #events = new Map();
  /** Workflows of the list that moved. @type {Set<string>} */
  #rows = new Set();

  get count() {
    return [...this.#events.values()].reduce((sum, one) => sum + one, this.#rows.size);
  }

  /**
   * @param {import("./protocol.js").TopicFrame} frame
   * @param {import("./subscriptions.js").Followed} store  the one that does not get it yet
   */
  note(frame, store) {
    if (frame.t === SERVER.rows) {
      for (const { id } of frame.rows) this.#rows.add(id);
      for (const [id] of frame.fresh) this.#rows.add(id);
    } else if ("state" in store) {
      const seq = "to" in frame ? frame.to : "seq" in frame ? frame.seq : 0;
      this.#events.set(frame.topic, Math.max(seq - store.state.seq, this.#events.get(frame.topic) ?? 0));
    }
  }
}
