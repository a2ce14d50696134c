/** The search field as a combobox: offers terms under it, taken with arrows and Enter, or a click. Escape closes. */

import { element } from "../lib/dom.js";
import { accept, offersFor } from "../lib/completion.js";
import { keptEntries } from "../lib/kept.js";

const RECENT = "recent-searches";
const MOST_RECENT = 5;

export function completion() {
  const box = /** @type {HTMLElement|null} */ (document.querySelector('[data-behaviour="completion"]'));
  if (box) new Completion(box).start();
}

class Completion {
  /** @type {import("../lib/completion.js").Offer[]} */
  #offers = [];
  #active = -1;
  #isWanted = false; // until it is closed, also while there is nothing to offer
  /** @type {string[]|null} what was published; null until somebody asks */
  #keys = null;

  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    this.input = /** @type {HTMLInputElement} */ (box.querySelector("input"));
    this.list = /** @type {HTMLElement} */ (box.querySelector("ul"));
  }

  start() {
    const { input, list } = this;
    const roles = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id };
    for (const [name, value] of Object.entries(roles)) input.setAttribute(name, value);
    for (const type of ["input", "click"]) input.addEventListener(type, () => this.#offer());
    input.addEventListener("focus", () => input.value === "" && this.#offer());
    input.addEventListener("keydown", (event) => this.#pressed(event));
    input.addEventListener("blur", () => this.#close());
    list.addEventListener("mousedown", (event) => this.#pointed(event));
    input.form?.addEventListener("submit", () => remember(input.value), { capture: true });
  }

  async #offer() {
    this.#offers = offersFor(this.input.value, this.input.selectionStart ?? 0, this.#words);
    this.#active = -1;
    this.#isWanted = true;
    this.#paint();
    if (this.#keys !== null) return;
    this.#keys = [];
    this.#keys = await publishedKeys(this.box.dataset.keys ?? "").catch(() => []); // they can be typed as well
    if (this.#isWanted && this.#active < 0) this.#offer();
  }

  get #words() {
    const options = [...(this.input.form?.querySelectorAll("select[name=definition] option") ?? [])];
    const boxes = [...(this.input.form?.querySelectorAll("input[name=status]") ?? [])];
    const values = (/** @type {Element[]} */ all) => all.map((each) => each.getAttribute("value") ?? "").filter(Boolean);
    return { statuses: values(boxes), definitions: values(options), keys: this.#keys ?? [], recent: recent() };
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by && this.list.hidden) this.#offer();
    else if (by) this.#move(by);
    else if (event.key === "Escape" && !this.list.hidden) this.#close();
    else if ((event.key === "Enter" || event.key === "Tab") && this.#active >= 0) this.#take(this.#active);
    else return;
    event.preventDefault();
  }

  /** Around, with nothing chosen between the last and the first. @param {number} by */
  #move(by) {
    const places = this.#offers.length + 1;
    this.#active = ((this.#active + 1 + by + places) % places) - 1;
    this.#paint();
  }

  /** @param {MouseEvent} event */
  #pointed(event) {
    event.preventDefault(); // the field keeps the focus
    const one = event.target instanceof Element ? event.target.closest("[role=option]") : null;
    if (one) this.#take([...this.list.children].indexOf(one));
  }

  /** @param {number} index */
  #take(index) {
    const { text, caret } = accept(this.input.value, this.input.selectionStart ?? 0, this.#offers[index]);
    this.input.value = text;
    this.input.setSelectionRange(caret, caret);
    this.#offer();
  }

  #close() {
    this.#offers = [];
    this.#active = -1;
    this.#isWanted = false;
    this.#paint();
  }

  #paint() {
    const isOpen = this.#offers.length > 0;
    this.list.hidden = !isOpen;
    this.list.replaceChildren(...this.#offers.map((offer, index) => option(offer, index, index === this.#active)));
    this.input.setAttribute("aria-expanded", String(isOpen));
    if (this.#active >= 0) this.input.setAttribute("aria-activedescendant", `filter-offer-${this.#active}`);
    else this.input.removeAttribute("aria-activedescendant");
  }
}

/** @param {import("../lib/completion.js").Offer} offer @param {number} index @param {boolean} isActive */
function option({ text, says }, index, isActive) {
  const attributes = { role: "option", id: `filter-offer-${index}`, class: "search__offer", "aria-selected": String(isActive) };
  return element("li", attributes, element("span", { class: "mono" }, text), element("span", { class: "muted" }, says));
}

/** @param {string} address @returns {Promise<string[]>} */
async function publishedKeys(address) {
  const answer = await fetch(address, { redirect: "error" });
  return (await answer.json()).keys;
}

/** What was searched for in this browser before. @returns {string[]} */
function recent() {
  try {
    return keptEntries(localStorage.getItem(RECENT), isText).slice(0, MOST_RECENT);
  } catch {
    return []; // this browser keeps nothing
  }
}

/** @param {string} text */
function remember(text) {
  const query = text.trim();
  if (query === "") return;
  localStorage.setItem(RECENT, JSON.stringify([query, ...recent().filter((one) => one !== query)].slice(0, MOST_RECENT)));
}

/** @param {unknown} entry @returns {entry is string} */
const isText = (entry) => typeof entry === "string";
