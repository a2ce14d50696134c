/**
 * Watching: the tab's title and icon say how the watched workflows are, on every page; the browser says it when one of them
 * ends or waits for a message, if it may. What is watched is kept in this browser, per account.
 */

import { watchWith } from "../elements/watch_button.js";
import { beforePaint, one, setText } from "../lib/dom.js";
import { favicon } from "../lib/favicon.js";
import { notes, permissionOf } from "../lib/notes.js";
import { putBeforeTitle } from "../lib/title.js";
import { KEPT, MOST, foremost, titleOf, words } from "../lib/watched.js";
import { Watching } from "../live/watching.js";

/** @typedef {import("../lib/watched.js").Facts} Facts */

/**
 * @param {import("../live/workflow_store.js").WorkflowStore|null} own  of the workflow that the page is about
 * @param {() => import("../live/live.js").Live} live  the page's connection, made when it is needed first
 */
export function watching(own, live) {
  const list = /** @type {import("../elements/watch_list.js").WatchList|null} */ (document.querySelector("watch-list"));
  if (!list) return;
  const key = `${KEPT} ${list.dataset.user}`;
  const watched = new Watching({ storage: localStorage, key, own, live, schedule: beforePaint });
  const id = own?.state.workflow.id ?? null;
  const paint = () => paintTab(list, watched.all, id);
  watched.subscribe((news) => {
    paint();
    for (const one of news) if (one[0] !== id || document.hidden) say(...one);
  });
  watchWith(watched);
  watched.start();
  addEventListener("storage", (event) => event.key === key && watched.read());
  document.addEventListener("watch", async (event) => {
    const problem = await toggle(watched, /** @type {CustomEvent<Facts & {id: string}>} */ (event).detail);
    paint();
    if (problem) complain(list, problem);
  });
  list.querySelector("[data-act=allow]")?.addEventListener("click", () => ask().then(paint));
}

/** @param {Watching} watched @param {Facts & {id: string}} detail @returns {Promise<string>} why it is not watched, or "" */
async function toggle(watched, { id, ...facts }) {
  const did = watched.toggle(id, facts);
  if (did === "full") return `${MOST} are watched already. Stop watching one of them first.`;
  if (did === "watched") await ask();
  announce(did === "left" ? `No longer watching ${id}.` : `Watching ${id}. ${notes(permissionOf(globalThis)).whole}`);
  return "";
}

/** @param {import("../elements/watch_list.js").WatchList} list @param {string} problem */
function complain(list, problem) {
  announce(problem);
  setText(list.querySelector(".watch-list__note"), problem);
  one(list, "details", HTMLDetailsElement).open = true;
}

/** Only ever upon an act of a person. */
async function ask() {
  if (permissionOf(globalThis) === "default") await Notification.requestPermission();
}

/** @param {import("../elements/watch_list.js").WatchList} list @param {[string, Facts][]} all @param {string|null} own */
function paintTab(list, all, own) {
  list.show(all, notes(permissionOf(globalThis)));
  putBeforeTitle(titleOf(all, own));
  const icon = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel="icon"]'));
  icon.dataset.own ??= icon.href;
  const [, first] = foremost(all, own) ?? [];
  const address = first ? favicon(first.status, colourOf(first.status), first.fraction) : icon.dataset.own;
  if (icon.href !== address) icon.href = address;
}

/** As on a light page: the icon has a white ground. @param {string} status */
function colourOf(status) {
  const known = status === "gone" ? "failed" : status;
  return getComputedStyle(document.documentElement).getPropertyValue(`--light--status-${known}`).trim();
}

/** One notification per workflow and news, however many pages are open. @param {string} id @param {Facts} facts */
function say(id, facts) {
  if (permissionOf(globalThis) !== "granted") return;
  try {
    const options = { body: facts.definition, tag: `${id} ${facts.status}`, icon: favicon(facts.status, colourOf(facts.status)) };
    const shown = new Notification(words(id, facts), options);
    shown.addEventListener("click", () => open(facts.address));
  } catch {
    // A browser that shows notifications of service workers only: the tab still tells.
  }
}

/** @param {string} text */
function announce(text) {
  setText(document.getElementById("announcer"), text);
}
