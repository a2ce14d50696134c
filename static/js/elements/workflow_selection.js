/**
 * <workflow-selection data-user data-verbs>: around the list. Keeps which workflows are ticked, by id, over updates and
 * over the pages of this tab, and offers the verbs that apply to some of them. Events of the list inside tell it what moves.
 */

import { json, one, setText } from "../lib/dom.js";
import { KEPT, Selection, verbWords } from "../lib/selection.js";

/** @typedef {import("../lib/selection.js").BulkVerb} BulkVerb */

export class WorkflowSelection extends HTMLElement {
  #selection = new Selection();
  /** @type {BulkVerb[]} */
  #verbs = [];
  #last = "";
  #leaving = new AbortController();

  connectedCallback() {
    this.#verbs = /** @type {BulkVerb[]|null} */ (json(this.dataset.verbs ?? "", this)) ?? [];
    this.#selection = new Selection(Selection.entries(sessionStorage.getItem(this.#key)));
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    for (const type of ["change", "click", "submit", "list-shown", "list-moved"]) this.addEventListener(type, this, { signal });
    this.querySelector(".selection-bar__matching")?.remove();
    this.#shown();
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  /** @param {Event} event */
  handleEvent(event) {
    const { target, type } = event;
    if (event instanceof CustomEvent) return type === "list-moved" ? this.#moved(event.detail) : this.#shown();
    if (type === "submit") return this.#submit();
    if (!(target instanceof Element)) return undefined;
    const box = /** @type {HTMLInputElement|null} */ (target.closest("input[type=checkbox]"));
    if (type === "change" && box) return this.#ticked(box);
    if (!(event instanceof MouseEvent)) return undefined;
    if (box?.name === "id" && event.shiftKey) this.#range(box);
    const button = target.closest("button");
    if (button?.dataset.act === "clear") this.#clear();
    if (button?.dataset.act === "select-matching") this.#selectMatching(button);
    return undefined;
  }

  /** @param {HTMLInputElement} box */
  #ticked(box) {
    if (box.dataset.act === "select-page") for (const each of this.#boxes) this.#take(each, box.checked);
    else if (box.name === "id") this.#take(box, box.checked);
    else return;
    this.#last = box.value;
    this.#keep();
  }

  /** From the box that was ticked before to this one, all as this one. @param {HTMLInputElement} box */
  #range(box) {
    const boxes = this.#boxes;
    const from = boxes.findIndex(({ value }) => value === this.#last);
    const to = boxes.indexOf(box);
    if (from < 0) return;
    for (const each of boxes.slice(Math.min(from, to), Math.max(from, to) + 1)) this.#take(each, box.checked);
  }

  /** @param {HTMLInputElement} box @param {boolean} selected */
  #take(box, selected) {
    if (selected) this.#selection.set(box.value, factsOf(box));
    else this.#selection.delete(box.value);
    box.checked = selected;
  }

  #clear() {
    const isLeft = this.querySelector(".selection-bar")?.contains(document.activeElement); // it is about to be hidden
    this.#selection.clear();
    this.querySelector(".selection-bar__part")?.toggleAttribute("hidden", true);
    this.#keep();
    this.#shown();
    if (isLeft) this.#head?.focus();
  }

  /**
   * All that the filter matches now, as the server lists them: from here on a fixed set.
   * @param {HTMLButtonElement} button
   */
  async #selectMatching(button) {
    button.disabled = true;
    try {
      const answer = await fetch(`/bulk/matching?${button.dataset.query}`, { redirect: "error", cache: "no-store" });
      if (!answer.ok) throw new Error(`the list could not be read: ${answer.status}`);
      const { workflows, more } = await answer.json();
      this.#selection.clear();
      for (const { id, ...facts } of workflows) this.#selection.set(id, facts);
      this.#keep();
      this.#shown();
      this.querySelector(".selection-bar__part")?.toggleAttribute("hidden", !more);
    } catch {
      setText(this.querySelector(".selection-bar__words"), "The list could not be read; try again.");
    } finally {
      button.disabled = false;
    }
  }

  #submit() {
    const field = (/** @type {string} */ name) => one(this, `.selection-bar [name=${name}]`, HTMLInputElement);
    field("ids").value = JSON.stringify(this.#selection.ids);
    field("back").value = location.search.slice(1); // taking an update changed it
  }

  /** The list shows other rows: tick those that are selected. */
  #shown() {
    for (const box of this.#boxes) {
      box.checked = this.#selection.has(box.value);
      this.#selection.note(box.value, factsOf(box));
    }
    this.#paint();
  }

  /** A row moved; ticked or not stays as it is. @param {{id: string, status: string, pinned: boolean}} row */
  #moved({ id, ...facts }) {
    if (this.#selection.note(id, facts)) this.#keep();
  }

  #keep() {
    sessionStorage.setItem(this.#key, this.#selection.text);
    this.#paint();
  }

  #paint() {
    const some = this.#selection.size > 0;
    const bar = /** @type {HTMLElement} */ (this.querySelector(".selection-bar"));
    bar.hidden = !some;
    const shown = new Set(this.#boxes.map(({ value }) => value));
    setText(bar.querySelector(".selection-bar__words"), this.#selection.words((id) => shown.has(id)));
    for (const verb of this.#verbs) this.#paintVerb(bar, verb);
    for (const button of bar.querySelectorAll("button[data-act]")) button.removeAttribute("hidden");
    const applicable = bar.querySelector("button[data-verb]:not([hidden])") !== null;
    bar.querySelector(".selection-bar__none")?.toggleAttribute("hidden", applicable);
    this.#paintPair(one(bar, "[data-act=compare]", HTMLAnchorElement));
    this.#paintHead();
  }

  /** Two can be looked at beside each other. @param {HTMLAnchorElement} link */
  #paintPair(link) {
    const [a = "", b = ""] = this.#selection.ids;
    link.hidden = this.#selection.size !== 2;
    link.search = new URLSearchParams({ a, b }).toString();
  }

  /** @param {HTMLElement} bar @param {BulkVerb} verb */
  #paintVerb(bar, verb) {
    const button = one(bar, `button[data-verb="${verb.name}"]`);
    button.toggleAttribute("hidden", this.#selection.applies(verb) === 0);
    setText(button, verbWords(verb, this.#selection));
  }

  get #head() {
    return /** @type {HTMLInputElement|null} */ (this.querySelector("[data-act=select-page]"));
  }

  #paintHead() {
    const head = this.#head;
    if (!head) return;
    const ticked = this.#boxes.filter(({ checked }) => checked).length;
    head.hidden = false;
    head.checked = ticked > 0 && ticked === this.#boxes.length;
    head.indeterminate = ticked > 0 && !head.checked;
  }

  /** @returns {HTMLInputElement[]} */
  get #boxes() {
    return [...this.querySelectorAll("input[name=id]")].map((box) => /** @type {HTMLInputElement} */ (box));
  }

  /** Nobody else who signs in in this tab finds it. */
  get #key() {
    return `${KEPT} ${this.dataset.user}`;
  }
}

/**
 * How the workflow of a row stands, as the row says it.
 * @param {HTMLInputElement} box @returns {import("../lib/selection.js").Facts}
 */
function factsOf(box) {
  const { status = "", pinned } = box.closest("tr")?.dataset ?? {};
  return { status, pinned: pinned === "yes" };
}
