/** The console's entry: reads what the page carries, opens the live connection, and hands both to the elements. */

import { columns } from "./behaviours/columns.js";
import { completion } from "./behaviours/completion.js";
import { copiedTimes } from "./behaviours/copied_times.js";
import { family } from "./behaviours/family.js";
import { filters } from "./behaviours/filters.js";
import { keyboard } from "./behaviours/keyboard.js";
import { everywhere } from "./behaviours/keys.js";
import { looks } from "./behaviours/looks.js";
import { menus } from "./behaviours/menus.js";
import { palette } from "./behaviours/palette.js";
import { printing } from "./behaviours/printing.js";
import { selectionDone } from "./behaviours/selection_done.js";
import { theme } from "./behaviours/theme.js";
import { topbar } from "./behaviours/topbar.js";
import { watching } from "./behaviours/watching.js";
import { widgetPreview } from "./behaviours/widget_preview.js";
import { zone } from "./behaviours/zone.js";
import { FOLLOWERS, defineElements } from "./elements/index.js";
import { tickWith } from "./elements/ticking.js";
import { beforePaint, json, one } from "./lib/dom.js";
import { parse } from "./lib/exact.js";
import { useZone } from "./lib/zone.js";
import { Clock } from "./live/clock.js";
import { Live } from "./live/live.js";
import { MomentStore } from "./live/moment_store.js";
import { unpacked } from "./live/page_state.js";
import { WorkflowStore } from "./live/workflow_store.js";

/** @typedef {import("./live/page_state.js").PageState} State @typedef {import("./live/protocol.js").WireEvent} WireEvent */
/**
 * The workflow that the page was made of; `moment`, if it was opened at one of the past.
 * @typedef {{state: State, events: WireEvent[], epoch: string, spans: import("./live/timeline_spans.js").Spans,
 *   moment: {state: State, events: WireEvent[]}|null}} PageData
 */

useZone(/** @type {import("./lib/zone.js").ZoneTable|null} */ (json("zone")));
defineElements();
const BEHAVIOURS = [
  columns, completion, copiedTimes, family, filters, keyboard, looks, menus, selectionDone, theme, topbar, widgetPreview, zone,
];
for (const behaviour of BEHAVIOURS) {
  behaviour();
}
palette(everywhere);

const status = /** @type {HTMLElement|null} */ (document.querySelector("connection-status"));
const followed = status && follow(status);
watching(followed?.newest ?? null, onDemand(followed?.live));

/** @param {HTMLElement} status */
function follow(status) {
  const clock = new Clock(status.dataset.serverTime);
  const live = connection(clock);
  tickWith(clock);
  printing(clock);
  const page = /** @type {PageData|null} */ (json("workflow-data"));
  const newest = page && new WorkflowStore(unpacked(page.state), page.events, page.epoch, { schedule: beforePaint });
  const store = newest && new MomentStore(newest, stretch, page.moment && { ...page.moment, state: unpacked(page.moment.state) });
  /** @type {NodeListOf<HTMLElement & {follow: (page: object) => void}>} */
  const followers = document.querySelectorAll(FOLLOWERS);
  for (const element of followers) element.follow({ live, clock, store, spans: page?.spans });
  if (newest) live.follow(newest);
  live.start();
  return { live, newest };
}

/** @param {Clock} clock */
function connection(clock) {
  return new Live({ socketUrl: `${location.origin.replace(/^http/, "ws")}/ws/live/`, post: poll, clock });
}

/** A page that shows nothing live is connected for what is watched only. @param {Live} [live] @returns {() => Live} */
function onDemand(live) {
  return () => {
    if (live) return live;
    live = connection(new Clock());
    live.start();
    return live;
  };
}

/**
 * A request of the polling carrier. A redirect leads to the sign-in page, which is no answer.
 * @param {string} body @param {AbortSignal} signal
 */
function poll(body, signal) {
  const headers = { "Content-Type": "application/json" };
  return fetch("/live/poll/", { method: "POST", headers, body, signal, redirect: "error", cache: "no-store" });
}

/** A stretch of the workflow's past. @param {number} seq @returns {Promise<import("./live/moment_store.js").Stretch>} */
async function stretch(seq) {
  const { moments = "" } = one(document, "time-scrubber").dataset;
  const answer = await fetch(moments.replace(/0$/, String(seq)), { redirect: "error", cache: "no-store" });
  if (!answer.ok) throw new Error(`the past could not be read: ${answer.status}`);
  return parse(await answer.text());
}
