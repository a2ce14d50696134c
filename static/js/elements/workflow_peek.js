/**
 * <workflow-peek data-id data-address>: one workflow beside the list, live. The address of the page says which
 * (`peek=`), so that it can be passed on; Back closes it. It follows the row that has the focus.
 */

import { beforePaint, element, json, setText } from "../lib/dom.js";
import { sentence } from "../lib/sentences.js";
import { WorkflowStore } from "../live/workflow_store.js";
import { LiveElement } from "./live_element.js";
import { paintProgress } from "./progress_bar.js";

const SETTLE_MS = 120; // a key that is held down passes many rows
const NARROW = "(max-width: 40rem)";

export class WorkflowPeek extends LiveElement {
  #page = null;
  #id = "";
  #timer = 0;
  #fetching = new AbortController();
  #listening = new AbortController();
  /** Where each workflow that was shown can be read. */
  #addresses = new Map();

  /** @param {{live: import("../live/live.js").Live, clock: import("../live/clock.js").Clock}} page */
  follow(page) {
    this.#page = page;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    for (const type of ["click", "focusin", "list-shown"]) document.addEventListener(type, this, { signal });
    document.addEventListener("keydown", this, { signal, capture: true });
    window.addEventListener("popstate", this, { signal });
    const { id, address } = this.dataset;
    if (id && address) this.#show(id, address);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#listening.abort();
    this.#leave();
  }

  handleEvent(event) {
    if (event.type === "popstate") return this.#wentTo(new URL(location.href).searchParams.get("peek") ?? "");
    if (event.type === "list-shown") return this.#mark();
    if (event.type === "keydown") return event.key === "Escape" && this.#escape(event.target);
    const row = event.target.closest(".workflow-table tr[data-id]");
    if (event.type === "focusin") return this.#id !== "" && row && this.#moveTo(row);
    if (event.target.closest("[data-act=close-peek]")) return this.close();
    if (event.target.closest("[data-act=peek]")) return this.toggle(row);
    return row && isPlain(event.target) ? this.open(row) : undefined;
  }

  /** The workflow of this row, or none any more if it is shown already. @param {HTMLElement} row */
  toggle(row) {
    if (row.dataset.id === this.#id) this.close();
    else this.open(row);
  }

  /** @param {HTMLElement} row */
  open(row) {
    const id = row.dataset.id ?? "";
    if (id === this.#id) return;
    const address = addressWith(id);
    if (this.#id) history.replaceState(history.state, "", address);
    else history.pushState({ peek: true }, "", address);
    this.#show(id, addressOf(row));
    if (matchMedia(NARROW).matches) this.setAttribute("data-wants-focus", "");
  }

  close() {
    if (history.state?.peek) return history.back(); // and `popstate` says the rest
    history.replaceState(history.state, "", addressWith(""));
    return this.#wentTo("");
  }

  #moveTo(row) {
    const { id = "" } = row.dataset;
    if (id === this.#id) return;
    history.replaceState(history.state, "", addressWith(id));
    this.#show(id, addressOf(row), SETTLE_MS);
  }

  #wentTo(id) {
    if (id === this.#id) return;
    const address = this.#addresses.get(id);
    if (address) return this.#show(id, address);
    this.#leave();
    this.#id = "";
    this.hidden = true;
    this.replaceChildren();
    this.#mark();
  }

  #show(id, address, delay = 0) {
    this.#leave();
    this.#id = id;
    this.#addresses.set(id, address);
    this.hidden = false;
    this.#mark();
    this.#timer = setTimeout(() => this.#read(address), delay);
  }

  async #read(address) {
    this.#fetching = new AbortController();
    const { signal } = this.#fetching;
    try {
      const answer = await fetch(address, { redirect: "error", cache: "no-store", signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!signal.aborted) this.#fill(page.body);
    } catch {
      if (!signal.aborted) this.replaceChildren(unreadable());
    }
  }

  #fill(body) {
    this.replaceChildren(...body.childNodes);
    const { state, events, epoch } = json("peek-data", this);
    const store = new WorkflowStore(state, events, epoch, { schedule: beforePaint });
    for (const part of this.querySelectorAll("workflow-values, workflow-history")) part.follow({ store });
    const { clock, live } = this.#page;
    this.until(store.subscribe(() => this.#paint(store)));
    this.until(clock.onTick((now) => this.#say(store, now)));
    this.until(live.follow(store));
    if (!this.hasAttribute("data-wants-focus")) return;
    this.removeAttribute("data-wants-focus");
    /** @type {HTMLElement|null} */ (this.querySelector("[data-act=close-peek]"))?.focus();
  }

  #paint(store) {
    const { workflow, values } = store.state;
    const body = /** @type {HTMLElement} */ (this.querySelector(".peek__body"));
    body.dataset.status = workflow.status;
    body.querySelector("status-badge").dataset.status = workflow.status;
    paintProgress(this.querySelector(".peek__progress"), values.progress?.value, values.phase?.value);
    this.#say(store, this.#page.clock.now());
  }

  #say({ state, events, gone }, now) {
    const end = events.findLast(([, , kind]) => kind === state.workflow.status)?.[5];
    setText(this.querySelector(".sentence"), gone ? "This workflow was deleted." : sentence(state, now, end));
  }

  #leave() {
    clearTimeout(this.#timer);
    this.#fetching.abort();
    this.release();
  }

  #mark() {
    document.documentElement.toggleAttribute("data-peek", this.#id !== "");
    for (const row of document.querySelectorAll(".workflow-table tr[data-id]")) {
      row.toggleAttribute("data-peeked", row.dataset.id === this.#id);
    }
  }

  /** What is open in front of it closes first. */
  #escape(target) {
    const inFront = "dialog[open], details.menu[open], details.confirm[open]";
    if (this.#id === "" || document.querySelector(inFront) || target.closest("input[type=search], textarea, select")) return;
    this.close();
  }
}

/** What is no control, and was no drag over text. */
function isPlain(target) {
  return !target.closest("a, button, label, input") && (getSelection()?.isCollapsed ?? true);
}

const addressOf = (row) => `${row.querySelector(".workflow-table__name a").getAttribute("href")}peek`;

function addressWith(id) {
  const address = new URL(location.href);
  if (id) address.searchParams.set("peek", id);
  else address.searchParams.delete("peek");
  return address.pathname + address.search;
}

function unreadable() {
  const close = element("button", { type: "button", class: "button", "data-act": "close-peek" }, "Close");
  return element("div", { class: "peek__body" }, element("p", { role: "alert" }, "It could not be read; it may be deleted."), close);
}
