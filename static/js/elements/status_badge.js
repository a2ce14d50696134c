/** <status-badge data-status="failed">: shape, word and colour; `data-icon-only` keeps the word for screen readers. */

import { element, icon } from "../lib/dom.js";

export class StatusBadge extends HTMLElement {
  static observedAttributes = ["data-status"];

  connectedCallback() {
    if (!this.firstElementChild) this.render(this.dataset.status ?? "");
  }

  /** @param {string} _name @param {string|null} old @param {string} status */
  attributeChangedCallback(_name, old, status) {
    if (old !== null && old !== status) this.render(status);
  }

  /** @param {string} status */
  render(status) {
    const word = status[0].toUpperCase() + status.slice(1);
    const hidden = this.hasAttribute("data-icon-only");
    if (hidden) this.title = word;
    this.replaceChildren(icon(status), element("span", hidden ? { class: "visually-hidden" } : {}, word));
  }
}
