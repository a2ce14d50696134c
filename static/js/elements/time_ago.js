/** <time-ago datetime="…">3 s ago</time-ago>: how long ago; its title has the time itself, shown on focus, too. */

import { setText } from "../lib/dom.js";
import { absolute, ago } from "../lib/times.js";
import { TickingElement } from "./ticking.js";

export class TimeAgo extends TickingElement {
  static observedAttributes = ["datetime"];

  /** @param {number} now */
  tick(now) {
    const at = this.getAttribute("datetime");
    if (!at) return;
    setText(this, ago(at, now));
    const title = absolute(at);
    if (this.getAttribute("title") !== title) this.setAttribute("title", title);
  }
}
