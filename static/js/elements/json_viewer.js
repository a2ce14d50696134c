/** <json-viewer data-src="…">: a payload as a tree to fold open; the server writes it, every digit as it is stored. */

import { element } from "../lib/dom.js";

export class JsonViewer extends HTMLElement {
  #listening = new AbortController();

  connectedCallback() {
    this.#listening = new AbortController();
    this.addEventListener("click", (event) => this.#clicked(event), { signal: this.#listening.signal });
    if (!this.firstElementChild) this.load();
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    if (!(/** @type {Element} */ (event.target).closest('a[href="?whole=1"], button[data-act="load"]'))) return;
    event.preventDefault();
    this.load();
  }

  /** Read it, whatever its size. */
  async load() {
    try {
      const { signal } = this.#listening;
      const answer = await fetch(this.dataset.src ?? "", { redirect: "error", cache: "no-store", signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      this.replaceChildren(...parsed.body.children);
    } catch {
      const again = element("button", { type: "button", class: "button", "data-act": "load" }, "Try again");
      if (this.isConnected) this.replaceChildren(element("p", { class: "panel__empty" }, "It could not be read. ", again));
    }
  }
}
