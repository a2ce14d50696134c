/**
 * <workflow-list>: patches the visible rows in place and never moves them; what is new waits behind the bar until the
 * reader asks for it. Taking it swaps in the list that the server renders. A row in which text is selected stands still.
 */

import { beforePaint, isBusyIn, json, setText } from "../lib/dom.js";
import { Pace } from "../lib/pace.js";
import { pendingWords } from "../lib/rows.js";
import { setTitle } from "../lib/title.js";
import { ListStore } from "../live/list_store.js";
import { LiveElement } from "./live_element.js";
import { TimeLeft } from "./time_left.js";
import { paintRow } from "./workflow_row.js";

const ANNOUNCE_MS = 10_000;
const ASK_MS = 10_000;
const CALM_MS = 3_000;
const DOZE_MS = 5 * 60_000;
const TITLE = "Workflows · Telltale";

/** @typedef {import("../live/protocol.js").Summary} Summary */
/** @typedef {{rows: Summary[], filter: import("../live/protocol.js").ListFilter, keys: string[], since: string, asks: string}} ListData */

export class WorkflowList extends LiveElement {
  /** @type {import("./live_element.js").Page} */
  #page;
  #announcedAt = 0;
  #announcing = 0;
  /** What is owed to rows that stood still. @type {Map<string, Set<string>>} */
  #owed = new Map();
  /** @type {ListStore} */
  store;
  /** @type {Pace} */
  #pace;
  #stop = () => {};
  #dozing = 0;
  #calming = 0;

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
    history.replaceState(history.state, "", this.#freshAddress);
    this.replaceChildren(...list.childNodes);
    this.#start();
    this.#tell("list-shown");
  }

  /** @param {Event} event */
  handleEvent({ target, type }) {
    if (type === "visibilitychange") this.#turned();
    else if (type !== "click") this.#payOff();
    else if (target instanceof Element && target.closest(".live-bar")) this.take();
  }

  #start() {
    this.release();
    this.#owed.clear();
    const { rows, filter, keys, since, asks } = /** @type {ListData} */ (json("list-data", this));
    const schedule = (/** @type {() => void} */ act) => this.#pace.wait(() => beforePaint(act));
    const store = new ListStore(rows, { filter, keys, since, schedule });
    this.store = store;
    this.#pace = new Pace(() => store.moved);
    this.until(store.subscribe((change) => this.#changed(change)));
    this.#stop = this.#page.live.follow(store);
    this.until(() => this.#stop());
    this.#listen();
    if (asks) this.#askNowAndThen(asks, store);
    setTitle(TITLE);
    for (const row of rows) this.#showTimeLeft(row);
  }

  #listen() {
    const listening = new AbortController();
    const { signal } = listening;
    for (const type of ["selectionchange", "visibilitychange"]) document.addEventListener(type, this, { signal });
    this.addEventListener("toggle", this, { signal, capture: true });
    this.until(() => listening.abort());
    for (const timer of [() => this.#dozing, () => this.#calming, () => this.#announcing]) this.until(() => clearTimeout(timer()));
  }

  /** A tab that nobody has looked at for long follows no rows, only how many are new; it catches up when it is seen. */
  #turned() {
    clearTimeout(this.#dozing);
    if (document.visibilityState === "hidden") this.#dozing = setTimeout(() => this.#doze(true), DOZE_MS);
    else if (this.store.dozes) this.#doze(false);
  }

  /** @param {boolean} dozes */
  #doze(dozes) {
    this.store.dozes = dozes;
    this.#stop = this.#page.live.follow(this.store); // takes the place of the one before
  }

  /** What newly matches terms about values is told by nobody, so it is asked for. @param {string} address @param {ListStore} store */
  #askNowAndThen(address, store) {
    let timer = 0;
    const ask = async () => {
      const isSeen = document.visibilityState === "visible" && document.documentElement.dataset.connection !== "paused";
      const answer = isSeen ? await fetch(address, { redirect: "error", cache: "no-store" }).catch(() => null) : null;
      if (answer?.ok && this.store === store) store.offer((await answer.json()).workflows);
      if (this.store === store && this.isConnected) timer = setTimeout(ask, ASK_MS);
    };
    timer = setTimeout(ask, ASK_MS);
    this.until(() => clearTimeout(timer));
  }

  /** @param {import("../live/list_store.js").ListChange} change */
  #changed({ rows, pending }) {
    for (const [id, fields] of rows) this.#patch(id, fields);
    if (pending) this.#paintPending();
    this.#paintBusy();
  }

  #paintBusy() {
    const isBusy = this.#pace.isBusy;
    document.querySelector(".list-busy")?.toggleAttribute("hidden", !isBusy);
    clearTimeout(this.#calming);
    if (isBusy) this.#calming = setTimeout(() => this.#paintBusy(), CALM_MS);
  }

  /** @param {string} id @param {Set<string>} fields */
  #patch(id, fields) {
    const row = this.#row(id);
    const summary = this.store.rows.get(id);
    if (!row || !summary) return;
    if (isBusyIn(row)) return void this.#owed.set(id, new Set([...(this.#owed.get(id) ?? []), ...fields]));
    paintRow(row, summary, fields, this.store.matches(id));
    this.#showTimeLeft(summary);
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

  #payOff() {
    const owed = [...this.#owed];
    this.#owed.clear();
    for (const [id, fields] of owed) this.#patch(id, fields);
  }

  /** The selection around the list hears it. @param {string} what @param {Partial<Summary>} [row] */
  #tell(what, { id = "", status = "", pinned = false } = {}) {
    this.dispatchEvent(new CustomEvent(what, { bubbles: true, detail: { id, status, pinned } }));
  }

  #paintPending() {
    const bar = /** @type {HTMLElement} */ (this.querySelector(".live-bar"));
    const words = pendingWords(this.store.pending);
    bar.hidden = words === "";
    setText(bar.querySelector(".live-bar__words"), words);
    setTitle(words ? `(${words}) ${TITLE}` : TITLE);
    clearTimeout(this.#announcing);
    this.#announcing = setTimeout(() => this.#announce(words), this.#announcedAt + ANNOUNCE_MS - Date.now());
  }

  /** Once in ten seconds, with the latest. @param {string} words */
  #announce(words) {
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
