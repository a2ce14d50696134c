/** What opens under the connection's words: why it is so, the newest event, the delay, the transport, and the pause. */

import { element, setText } from "../lib/dom.js";
import { facts } from "../lib/connection.js";

/**
 * @param {HTMLDetailsElement} details @param {import("../lib/connection.js").Shown} shown  the state that is shown
 * @param {import("../live/live.js").Live} live @param {import("../live/moment_store.js").MomentStore|null} store
 */
export function paintDetails(details, shown, live, store) {
  const { state, delays, clock, carrier } = live;
  const last = store ? store.state.workflow.last_event : delays.newest;
  const figures = { p50: delays.percentile(50), p95: delays.percentile(95), code: carrier.socket.code };
  const [[, explained], ...rest] = facts(shown, state, { now: clock.now(), last, ...figures });
  setText(details.querySelector(".connection__why"), explained);
  paintFacts(/** @type {HTMLElement} */ (details.querySelector("dl")), rest);
  const pause = /** @type {HTMLElement} */ (details.querySelector("[data-act=pause]"));
  pause.hidden = shown === "signed_out" || shown === "forbidden";
  setText(pause.querySelector("span"), state.paused ? "Go on" : "Pause");
}

/** In place: a text that somebody selects must survive. @param {HTMLElement} list @param {[string, string][]} pairs */
function paintFacts(list, pairs) {
  for (const [label, text] of pairs) {
    const known = [...list.children].find((row) => row.firstElementChild?.textContent === label);
    const row = known ?? element("div", {}, element("dt", {}, label), element("dd"));
    if (!known) list.append(row);
    setText(row.lastElementChild, text);
  }
  const labels = new Set(pairs.map(([label]) => label));
  for (const row of [...list.children]) if (!labels.has(row.firstElementChild?.textContent ?? "")) row.remove();
}
