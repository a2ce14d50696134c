/**
 * <workflow-list>: patches the visible rows in place and never moves them; what is new waits behind the bar until the
 * reader asks for it. Taking it swaps in the list that the server renders.
 */

import { beforePaint, flash, json, one, setText } from "../lib/dom.js";
import { lastWords, pendingWords } from "../lib/rows.js";
import { setTitle } from "../lib/title.js";
import { ListStore } from "../live/list_store.js";
import { LiveElement } from "./live_element.js";
import { paintProgress } from "./progress_bar.js";
import { TimeLeft } from "./time_left.js";

const ANNOUNCE_MS = 10_000;
const TITLE = "Workflows · Telltale";

/** @typedef {import("../live/protocol.js").Summary} Summary */
/** @typedef {{rows: Summary[], filter: import("../live/protocol.js").ListFilter, since: string}} ListData */

export class WorkflowList extends LiveElement {
  /** @type {import("./live_element.js").Page} */
  #page;
  #announcedAt = 0;
  /** @type {ListStore} */
  store;

  /** @param {import("./live_element.js").Page} page */
  follow(page) {
    this.#page = page;
    this.addEventListener("click", this);
    this.#start();
  }

  /** Take what is held back: the first page, as the server renders it now. */
  async take() {
    const answer = await fetch(this.#freshAddress, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return location.assign(this.#freshAddress);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const list = page.querySelector("workflow-list");
    if (!list) return location.assign(this.#freshAddress);
    history.replaceState(null, "", this.#freshAddress);
    this.replaceChildren(...list.childNodes);
    this.#start();
    this.#tell("list-shown");
  }

  /** @param {MouseEvent} event */
  handleEvent({ target }) {
    if (target instanceof Element && target.closest(".live-bar")) this.take();
  }

  #start() {
    this.release();
    const { rows, filter, since } = /** @type {ListData} */ (json("list-data", this));
    this.store = new ListStore(rows, { filter, since, schedule: beforePaint });
    this.until(this.store.subscribe((change) => this.#changed(change)));
    this.until(this.#page.live.follow(this.store));
    setTitle(TITLE);
    for (const row of this.store.rows.values()) this.#showTimeLeft(row);
  }

  /** @param {import("../live/list_store.js").ListChange} change */
  #changed({ rows, pending }) {
    for (const [id, fields] of rows) this.#patch(id, fields);
    if (pending) this.#paintPending();
  }

  /** @param {string} id @param {Set<string>} fields */
  #patch(id, fields) {
    const row = this.#row(id);
    const summary = this.store.rows.get(id);
    if (!row || !summary) return;
    const cell = (/** @type {string} */ name) => one(row, `.workflow-table__${name}`);
    if (fields.has("status")) this.#paintStatus(row, summary.status);
    if (fields.has("pinned")) row.dataset.pinned = summary.pinned ? "yes" : "no";
    if (fields.has("progress") || fields.has("phase")) paintProgress(cell("progress"), summary.progress, summary.phase);
    this.#showTimeLeft(summary);
    paintElapsed(one(cell("duration"), "elapsed-time"), summary);
    if (["last_event", "waiting", "error"].some((field) => fields.has(field))) paintLast(cell("last"), lastWords(summary));
    if (fields.has("status") || fields.has("pinned")) this.#tell("list-moved", summary);
  }

  /** @param {string} id @returns {HTMLElement|null} */
  #row(id) {
    return this.querySelector(`tr[data-id="${CSS.escape(id)}"]`);
  }

  /** @param {Summary} summary */
  #showTimeLeft(summary) {
    const node = this.#row(summary.id)?.querySelector("time-left");
    if (node instanceof TimeLeft) node.show(summary);
  }

  /** The selection around the list hears it. @param {string} what @param {Partial<Summary>} [row] */
  #tell(what, { id = "", status = "", pinned = false } = {}) {
    this.dispatchEvent(new CustomEvent(what, { bubbles: true, detail: { id, status, pinned } }));
  }

  /** @param {HTMLElement} row @param {string} status */
  #paintStatus(row, status) {
    row.dataset.status = status;
    const badge = one(row, "status-badge");
    badge.dataset.status = status;
    flash(badge.parentElement ?? badge);
    row.toggleAttribute("data-left", !this.store.matches(row.dataset.id ?? ""));
  }

  #paintPending() {
    const bar = /** @type {HTMLElement} */ (this.querySelector(".live-bar"));
    const words = pendingWords(this.store.pending);
    bar.hidden = words === "";
    setText(bar.querySelector(".live-bar__words"), words);
    setTitle(words ? `(${words}) ${TITLE}` : TITLE);
    if (Date.now() - this.#announcedAt < ANNOUNCE_MS) return;
    this.#announcedAt = Date.now();
    setText(document.getElementById("announcer"), words);
  }

  /** The first page of this filter. */
  get #freshAddress() {
    const address = new URL(location.href);
    for (const name of ["before", "after"]) address.searchParams.delete(name);
    return address.pathname + address.search;
  }
}

/** @param {HTMLElement} node @param {Summary} summary */
function paintElapsed(node, { started_at, finished_at }) {
  if (node.dataset.start !== (started_at ?? "")) node.dataset.start = started_at ?? "";
  if (node.dataset.end !== (finished_at ?? "")) node.dataset.end = finished_at ?? "";
}

/** @param {Element} cell @param {string} words */
function paintLast(cell, words) {
  if (!cell.firstElementChild) cell.replaceChildren(document.createElement("strong"));
  setText(cell.firstElementChild, words);
}
