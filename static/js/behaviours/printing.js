/** Paper says as of when it is: of the moment of printing, or since when the page stands still. */

import { setText } from "../lib/dom.js";
import { absolute } from "../lib/times.js";

/** @param {import("../live/clock.js").Clock} clock */
export function printing(clock) {
  addEventListener("beforeprint", () => {
    const line = document.querySelector(".printed__at");
    setText(line, absolute(new Date(clock.now()).toISOString()));
  });
}
