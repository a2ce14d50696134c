/** <time-left data-usual="…">3–5 min</time-left>: what the workflow of a row has left, by what is usual for its definition. */

import { setText } from "../lib/dom.js";
import { timeLeft, usualFrom } from "../lib/outlook.js";
import { TickingElement } from "./ticking.js";

export class TimeLeft extends TickingElement {
  /** @type {import("../live/protocol.js").Summary|null} */
  #summary = null;
  /** @type {import("../lib/outlook.js").Usual|null} */
  #usual = null;

  /** The workflow as it is known now. @param {import("../live/protocol.js").Summary} summary */
  show(summary) {
    this.#summary = summary;
    this.#usual ??= usualFrom(this.dataset.usual);
    this.refresh();
  }

  /** @param {number} now */
  tick(now) {
    if (!this.#summary) return;
    const left = timeLeft(this.#summary, this.#usual, now, this.#summary.progress);
    setText(this, left?.short ?? "");
    this.toggleAttribute("data-overdue", left?.overdue ?? false);
    const title = left ? `${left.words}. ${left.why}` : "";
    if (this.getAttribute("title") !== title) this.title = title;
  }
}
