/**
 * <workflow-peek data-id data-address>: one workflow beside the list, live. The address of the page says which
 * (`peek=`), so that it can be passed on; Back closes it. It follows the row that has the focus.
 */

import { beforePaint, element, json, one, setText } from "../lib/dom.js";
import { sentence } from "../lib/sentences.js";
import { MomentStore } from "../live/moment_store.js";
import { unpacked } from "../live/page_state.js";
import { WorkflowStore } from "../live/workflow_store.js";
import { LiveElement } from "./live_element.js";
import { paintProgress } from "./progress_bar.js";
import { WorkflowHistory } from "./workflow_history.js";
import { WorkflowValues } from "./workflow_values.js";

const SETTLE_MS = 120; // a key that is held down passes many rows
const NARROW = "(max-width: 40rem)";
/** There is no scrubber beside the list. */
const NO_PAST = () => Promise.reject(new Error("only the present is peeked at"));
/** @typedef {import("../live/protocol.js").WireEvent} WireEvent */
/** @typedef {{state: import("../live/page_state.js").PageState, events: WireEvent[], epoch: string}} PeekData */

export class WorkflowPeek extends LiveElement {
  /** @type {import("./live_element.js").Page} */
  #page;
  #id = "";
  #timer = 0;
  #fetching = new AbortController();
  #listening = new AbortController();
  /** Where each workflow that was shown can be read. @type {Map<string, string>} */
  #addresses = new Map();

  /** @param {import("./live_element.js").Page} page */
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

  /** @param {Event} event */
  handleEvent(event) {
    const { target, type } = event;
    if (type === "popstate") return this.#wentTo(new URL(location.href).searchParams.get("peek") ?? "");
    if (type === "list-shown") return this.#mark();
    if (!(target instanceof Element)) return undefined;
    if (event instanceof KeyboardEvent) return event.key === "Escape" ? this.#escape(target) : undefined;
    const row = /** @type {HTMLElement|null} */ (target.closest(".workflow-table tr[data-id]"));
    if (type === "focusin") return this.#id !== "" && row ? this.open(row, SETTLE_MS) : undefined;
    if (target.closest("[data-act=close-peek]")) return this.close();
    if (!row) return undefined;
    if (target.closest("[data-act=peek]")) return this.toggle(row);
    return isPlain(target) ? this.open(row) : undefined;
  }

  /** The workflow of this row, or none any more if it is shown already. @param {HTMLElement} row */
  toggle(row) {
    if (row.dataset.id === this.#id) this.close();
    else this.open(row);
  }

  /** @param {HTMLElement} row @param {number} [delay] */
  open(row, delay = 0) {
    const id = row.dataset.id ?? "";
    if (id === this.#id) return;
    const address = addressWith(id);
    if (this.#id) history.replaceState(history.state, "", address);
    else history.pushState({ peek: true }, "", address);
    this.#show(id, addressOf(row), delay);
    if (matchMedia(NARROW).matches) this.setAttribute("data-wants-focus", "");
  }

  close() {
    if (history.state?.peek) return history.back(); // and `popstate` says the rest
    history.replaceState(history.state, "", addressWith(""));
    return this.#wentTo("");
  }


  /** @param {string} id */
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

  /** @param {string} id @param {string} address @param {number} [delay] */
  #show(id, address, delay = 0) {
    this.#leave();
    this.#id = id;
    this.#addresses.set(id, address);
    this.hidden = false;
    this.#mark();
    this.#timer = setTimeout(() => this.#read(address), delay);
  }

  /** @param {string} address */
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

  /** @param {HTMLElement} body */
  #fill(body) {
    this.replaceChildren(...body.childNodes);
    const { state, events, epoch } = /** @type {PeekData} */ (json("peek-data", this));
    const store = new WorkflowStore(unpacked(state), events, epoch, { schedule: beforePaint });
    const { clock, live } = this.#page;
    const page = { clock, live, store: new MomentStore(store, NO_PAST) };
    for (const part of this.querySelectorAll("workflow-values, workflow-history")) {
      if (part instanceof WorkflowValues || part instanceof WorkflowHistory) part.follow(page);
    }
    this.until(store.subscribe(() => this.#paint(store)));
    this.until(clock.onTick((now) => this.#say(store, now)));
    this.until(live.follow(store));
    if (!this.hasAttribute("data-wants-focus")) return;
    this.removeAttribute("data-wants-focus");
    one(this, "[data-act=close-peek]").focus();
  }

  /** @param {WorkflowStore} store */
  #paint(store) {
    const { workflow, values } = store.state;
    const body = one(this, ".peek__body");
    body.dataset.status = workflow.status;
    one(body, "status-badge").dataset.status = workflow.status;
    paintProgress(one(this, ".peek__progress"), values.progress?.value, values.phase?.value);
    this.#say(store, this.#page.clock.now());
  }

  /** @param {WorkflowStore} store @param {number} now */
  #say({ state, events, gone }, now) {
    const end = events.findLast(([, , kind]) => kind === state.workflow.status)?.[5];
    setText(one(this, ".sentence"), gone ? "This workflow was deleted." : sentence(state, now, end));
  }

  #leave() {
    clearTimeout(this.#timer);
    this.#fetching.abort();
    this.release();
  }

  #mark() {
    document.documentElement.toggleAttribute("data-peek", this.#id !== "");
    for (const row of document.querySelectorAll(".workflow-table tr[data-id]")) {
      row.toggleAttribute("data-peeked", row.getAttribute("data-id") === this.#id);
    }
  }

  /** What is open in front of it closes first. @param {Element} target */
  #escape(target) {
    const inFront = "dialog[open], details.menu[open], details.confirm[open]";
    if (this.#id === "" || document.querySelector(inFront) || target.closest("input[type=search], textarea, select")) return;
    this.close();
  }
}

/** What is no control, and was no drag over text. @param {Element} target */
function isPlain(target) {
  return !target.closest("a, button, label, input") && (getSelection()?.isCollapsed ?? true);
}

/** @param {HTMLElement} row */
const addressOf = (row) => `${one(row, ".workflow-table__name > a").getAttribute("href")}peek`;

/** @param {string} id */
function addressWith(id) {
  const address = new URL(location.href);
  if (id) address.searchParams.set("peek", id);
  else address.searchParams.delete("peek");
  return address.pathname + address.search;
}

function unreadable() {
  const close = element("button", { type: "button", class: "button", "data-act": "close-peek" }, "Close");
  return element("div", { class: "peek__body" }, element("p", { role: "alert" }, "It could not be read."), close);
}
