/** <copy-button data-value="…" data-what="id" data-icon="link">: copies a text, and says so. */

import { element, icon } from "../lib/dom.js";

const SAID_MS = 1500;

export class CopyButton extends HTMLElement {
  #timer = 0;

  connectedCallback() {
    if (this.firstElementChild) return;
    const label = `Copy ${this.dataset.what ?? ""}`.trim();
    const attributes = { type: "button", class: "button button--quiet", "aria-label": label, title: label };
    const button = element("button", attributes, icon(this.#icon));
    button.addEventListener("click", (event) => this.#copy(event));
    this.append(button);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  get #icon() {
    return this.dataset.icon ?? "copy";
  }

  /** @param {MouseEvent} event */
  async #copy(event) {
    event.preventDefault();
    await navigator.clipboard.writeText(this.dataset.value ?? "");
    this.#say(true);
    this.#timer = setTimeout(() => this.#say(false), SAID_MS);
  }

  /** @param {boolean} copied */
  #say(copied) {
    this.toggleAttribute("data-copied", copied);
    this.querySelector("use")?.setAttribute("href", `#icon-${copied ? "check" : this.#icon}`);
    const announcer = document.getElementById("announcer");
    if (announcer) announcer.textContent = copied ? "Copied" : "";
  }
}
