/** <time-ago datetime="…">3 s ago</time-ago>: how long ago; its title has the time in UTC and on the reader's clock. */

import { setText } from "../lib/dom.js";
import { absolute, ago, local } from "../lib/times.js";
import { TickingElement } from "./ticking.js";

export class TimeAgo extends TickingElement {
  static observedAttributes = ["datetime"];

  /** @param {number} now */
  tick(now) {
    const at = this.getAttribute("datetime");
    if (!at) return;
    setText(this, ago(at, now));
    const title = `${absolute(at)}\n${local(at)}`;
    if (this.getAttribute("title") !== title) this.setAttribute("title", title);
  }
}
