/** <elapsed-time data-start="…" data-end="…">12 s</elapsed-time>: how long it took; takes, without an end. */

import { setText } from "../lib/dom.js";
import { took } from "../lib/timeline.js";
import { TickingElement } from "./ticking.js";

export class ElapsedTime extends TickingElement {
  static observedAttributes = ["data-start", "data-end"];

  /** @param {number} now */
  tick(now) {
    const { start, end } = this.dataset;
    setText(this, took(start || null, end || null, now) || "–");
  }
}
