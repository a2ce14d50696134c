/**
 * The palette: type a few letters of an id, a name, a page or an action, and go there or do it. Pages and actions are
 * those of the page at hand; ids and names are looked up by the server, one look at a time.
 */

import { element, setText } from "../lib/dom.js";
import { around, grouped, matching } from "../lib/palette.js";
import { keyCap } from "./key_sheet.js";
import { actions, pages } from "./page_actions.js";

const TYPING_MS = 120;

/** @param {() => import("../lib/palette.js").Line[]} everywhere  what can be done on every page */
export function palette(everywhere) {
  const open = () => document.querySelector("dialog[open]") || new Palette([...pages(), ...actions(), ...everywhere()]).open();
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  const button = /** @type {HTMLElement|null} */ (document.querySelector('[data-behaviour="palette"]'));
  if (!button) return;
  button.hidden = false;
  setText(button.querySelector("kbd"), keyCap("Ctrl+K"));
  button.addEventListener("click", open);
}

class Palette {
  #here;
  /** @type {import("../lib/palette.js").Line[]} */
  #lines = [];
  #place = -1;
  #timer = 0;
  #asking = new AbortController();
  #list = element("div", { class: "palette__list", role: "listbox", id: "palette-list", "aria-label": "Found" });
  #says = element("p", { class: "palette__says", role: "status" });
  #field = /** @type {HTMLInputElement} */ (element("input", {
    class: "input palette__field", type: "text", role: "combobox", "aria-label": "Go to, or do", "aria-expanded": "true",
    "aria-controls": "palette-list", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", maxlength: "200",
    placeholder: "An id, a definition, a queue, a page, an action", autofocus: "",
  }));
  #dialog = /** @type {HTMLDialogElement} */ (element("dialog", { class: "palette", "aria-label": "Palette" }));

  /** @param {import("../lib/palette.js").Line[]} here */
  constructor(here) {
    this.#here = here;
    this.#dialog.append(this.#field, this.#list, this.#says);
    this.#field.addEventListener("input", () => this.#typed());
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
    this.#list.addEventListener("click", (event) => this.#clicked(event));
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#close());
  }

  open() {
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#show(this.#here);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#asking.abort();
    this.#dialog.remove();
  }

  #typed() {
    const typed = this.#field.value.trim();
    clearTimeout(this.#timer);
    this.#asking.abort();
    setText(this.#says, "");
    this.#show(matching(this.#here, typed));
    if (typed) this.#timer = setTimeout(() => this.#ask(typed), TYPING_MS);
  }

  /** @param {string} typed */
  async #ask(typed) {
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    try {
      const answer = await fetch(`/palette?q=${encodeURIComponent(typed)}`, { signal, redirect: "error" });
      if (!answer.ok) throw new Error(`the palette could not be asked: ${answer.status}`);
      const { found } = await answer.json();
      this.#show([...matching(this.#here, typed), ...found]);
      if (this.#lines.length === 0) setText(this.#says, `Nothing has “${typed}” in its name, and no id begins with it.`);
    } catch {
      if (!signal.aborted) setText(this.#says, "The server does not answer: ids and names could not be looked up.");
    }
  }

  /** @param {import("../lib/palette.js").Line[]} lines */
  #show(lines) {
    const chosen = this.#lines[this.#place]?.text;
    const groups = [...grouped(lines)];
    this.#lines = groups.flatMap(([, all]) => all);
    let number = 0;
    const boxes = groups.map(([kind, all], place) => {
      const head = element("div", { class: "palette__kind", id: `palette-kind-${place}`, role: "presentation" }, kind);
      const options = all.map((line) => optionOf(line, number++));
      return element("div", { role: "group", "aria-labelledby": `palette-kind-${place}` }, head, ...options);
    });
    this.#list.replaceChildren(...boxes);
    this.#list.hidden = boxes.length === 0;
    this.#choose(Math.max(0, chosen && this.#place > 0 ? this.#lines.findIndex(({ text }) => text === chosen) : 0));
  }

  /** @param {number} place */
  #choose(place) {
    this.#options[this.#place]?.setAttribute("aria-selected", "false");
    this.#place = this.#lines.length > 0 ? place : -1;
    const option = this.#options[this.#place];
    for (const each of this.#options) each.setAttribute("aria-selected", String(each === option));
    if (option) this.#field.setAttribute("aria-activedescendant", option.id);
    else this.#field.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by) this.#choose(around(this.#place, by, this.#lines.length));
    else if (event.key === "Enter") this.#take(event);
    else return;
    event.preventDefault();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const option = /** @type {Element} */ (event.target).closest("[role=option]");
    if (!option) return;
    this.#choose(this.#options.indexOf(option));
    this.#take(event);
  }

  /** Go there, in a tab of its own with Ctrl or ⌘; or do it, where the page can see it. @param {{ctrlKey: boolean, metaKey: boolean}} keys */
  #take({ ctrlKey, metaKey }) {
    const line = this.#lines[this.#place];
    if (!line) return;
    this.#dialog.close();
    if (line.act) line.act();
    else if (ctrlKey || metaKey) open(line.address, "_blank", "noopener");
    else location.assign(line.address ?? "");
  }

  /** @returns {Element[]} */
  get #options() {
    return [...this.#list.querySelectorAll("[role=option]")];
  }
}

/** @param {import("../lib/palette.js").Line} line @param {number} number */
function optionOf({ text, note }, number) {
  const aside = note ? element("span", { class: "palette__note" }, note) : "";
  return element("div", { class: "palette__option", role: "option", id: `palette-${number}` }, element("span", {}, text), aside);
}
