/**
 * <watch-button data-id data-definition data-status data-address>: watches a workflow, or no longer. Says `watch`, which bubbles; who
 * hears it is `behaviours/watching.js`. All buttons of a page show the same, whenever they came into it.
 */

import { element, icon, setText } from "../lib/dom.js";

/** @type {{has: (id: string) => boolean, subscribe: (listener: () => void) => unknown}|null} */
let watching = null;
/** @type {Set<WatchButton>} */
const buttons = new Set();

/** Let every button show what is watched, now and later. @param {NonNullable<typeof watching>} found */
export function watchWith(found) {
  watching = found;
  watching.subscribe(paintAll);
  paintAll();
}

function paintAll() {
  for (const one of buttons) one.paint();
}

export class WatchButton extends HTMLElement {
  #button = element("button", { type: "button", class: "button" }, icon("watch"), element("span"));

  connectedCallback() {
    buttons.add(this);
    if (!this.#button.isConnected) {
      this.#button.addEventListener("click", () => this.#act());
      this.#button.classList.toggle("button--quiet", this.hasAttribute("data-icon-only"));
      this.#button.lastElementChild?.classList.toggle("visually-hidden", this.hasAttribute("data-icon-only"));
      this.append(this.#button);
    }
    this.paint();
  }

  disconnectedCallback() {
    buttons.delete(this);
  }

  paint() {
    const { id = "" } = this.dataset;
    const pressed = watching?.has(id) ?? false;
    this.hidden = watching === null;
    this.toggleAttribute("data-watched", pressed);
    this.#button.setAttribute("aria-pressed", String(pressed));
    this.#button.title = pressed ? `Stop watching ${id} (w)` : `Watch ${id}: the tab says how it is, wherever you are (w)`;
    setText(this.#button.lastElementChild, this.hasAttribute("data-icon-only") ? `Watch ${id}` : pressed ? "Watching" : "Watch");
  }

  #act() {
    this.dispatchEvent(new CustomEvent("watch", { bubbles: true, detail: { ...this.dataset } }));
  }
}
