/**
 * <workflow-list>: patches the visible rows in place and never moves them; what is new waits behind the bar until the
 * reader asks for it. Taking it swaps in the list that the server renders.
 */

import { beforePaint, flash, json, setText } from "../lib/dom.js";
import { lastWords, pendingWords } from "../lib/rows.js";
import { ListStore } from "../live/list_store.js";
import { LiveElement } from "./live_element.js";
import { paintProgress } from "./progress_bar.js";

const ANNOUNCE_MS = 10_000;
const TITLE = "Workflows · Telltale";

export class WorkflowList extends LiveElement {
  #page = null;
  #announcedAt = 0;
  /** @type {ListStore|null} */
  store = null;

  /** @param {{live: import("../live/live.js").Live}} page */
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

  handleEvent(event) {
    if (event.target.closest(".live-bar")) this.take();
  }

  #start() {
    this.release();
    const { rows, filter, since } = json("list-data", this);
    this.store = new ListStore(rows, { filter, since, schedule: beforePaint });
    this.until(this.store.subscribe((change) => this.#changed(change)));
    this.until(this.#page.live.follow(this.store));
    document.title = TITLE;
  }

  #changed({ rows, pending }) {
    for (const [id, fields] of rows) this.#patch(id, fields);
    if (pending) this.#paintPending();
  }

  #patch(id, fields) {
    const row = this.querySelector(`tr[data-id="${CSS.escape(id)}"]`);
    const summary = this.store?.rows.get(id);
    if (!row || !summary) return;
    const cell = (name) => row.querySelector(`.workflow-table__${name}`);
    if (fields.has("status")) this.#paintStatus(row, summary.status);
    if (fields.has("pinned")) row.dataset.pinned = summary.pinned ? "yes" : "no";
    if (fields.has("progress") || fields.has("phase")) paintProgress(cell("progress"), summary.progress, summary.phase);
    paintElapsed(cell("duration").firstElementChild, summary);
    if (["last_event", "waiting", "error"].some((field) => fields.has(field))) paintLast(cell("last"), lastWords(summary));
    if (fields.has("status") || fields.has("pinned")) this.#tell("list-moved", summary);
  }

  /** The selection around the list hears it. */
  #tell(what, { id = "", status = "", pinned = false } = {}) {
    this.dispatchEvent(new CustomEvent(what, { bubbles: true, detail: { id, status, pinned } }));
  }

  #paintStatus(row, status) {
    row.dataset.status = status;
    const badge = row.querySelector("status-badge");
    badge.dataset.status = status;
    flash(badge.parentElement);
    row.toggleAttribute("data-left", !this.store.matches(row.dataset.id));
  }

  #paintPending() {
    const bar = /** @type {HTMLElement} */ (this.querySelector(".live-bar"));
    const words = pendingWords(this.store.pending);
    bar.hidden = words === "";
    setText(bar.querySelector(".live-bar__words"), words);
    document.title = words ? `(${words}) ${TITLE}` : TITLE;
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

function paintElapsed(node, { started_at, finished_at }) {
  if (node.dataset.start !== (started_at ?? "")) node.dataset.start = started_at ?? "";
  if (node.dataset.end !== (finished_at ?? "")) node.dataset.end = finished_at ?? "";
}

function paintLast(cell, words) {
  if (!cell.firstElementChild) cell.replaceChildren(document.createElement("strong"));
  setText(cell.firstElementChild, words);
}
