/** The console's entry: reads what the page carries, opens the live connection, and hands both to the elements. */

import { filters } from "./behaviours/filters.js";
import { keyboard } from "./behaviours/keyboard.js";
import { menus } from "./behaviours/menus.js";
import { theme } from "./behaviours/theme.js";
import { FOLLOWERS, defineElements } from "./elements/index.js";
import { tickWith } from "./elements/ticking.js";
import { json } from "./lib/dom.js";
import { Clock } from "./live/clock.js";
import { Live } from "./live/live.js";
import { MomentStore } from "./live/moment_store.js";
import { WorkflowStore } from "./live/workflow_store.js";

defineElements();
for (const behaviour of [filters, keyboard, menus, theme]) behaviour();

const status = /** @type {HTMLElement|null} */ (document.querySelector("connection-status"));
if (status) watch(status);

/** @param {HTMLElement} status */
function watch(status) {
  const clock = new Clock(status.dataset.serverTime);
  const live = new Live({ url: `${location.origin.replace(/^http/, "ws")}/ws/live/`, clock, page: document });
  tickWith(clock);
  const page = json("workflow-data");
  const newest = page && new WorkflowStore(page.state, page.events, page.epoch);
  const store = newest && new MomentStore(newest, stretch, page.moment);
  for (const element of document.querySelectorAll(FOLLOWERS)) element.follow({ live, clock, store, status });
  if (newest) live.follow(newest);
  live.start();
}

/** A stretch of the workflow's past. @param {number} seq @returns {Promise<import("./live/moment_store.js").Stretch>} */
async function stretch(seq) {
  const { moments } = /** @type {HTMLElement} */ (document.querySelector("time-scrubber")).dataset;
  const answer = await fetch(moments.replace(/0$/, String(seq)), { redirect: "error", cache: "no-store" });
  if (!answer.ok) throw new Error(`the past could not be read: ${answer.status}`);
  return answer.json();
}
