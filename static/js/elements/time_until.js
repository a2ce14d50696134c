/** <time-until datetime="…">in 4 min 05 s</time-until>: how long it is until something happens, or how late that is. */

import { setText } from "../lib/dom.js";
import { until } from "../lib/times.js";
import { TickingElement } from "./ticking.js";

export class TimeUntil extends TickingElement {
  static observedAttributes = ["datetime"];

  /** @param {number} now */
  tick(now) {
    const at = this.getAttribute("datetime");
    if (at) setText(this, until(at, now));
  }
}
