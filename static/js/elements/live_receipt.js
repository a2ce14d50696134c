/**
 * <live-receipt>: says what became of a loss, a pause or a shortened history. What was complete goes away by itself;
 * that a view had to be rebuilt stays until somebody has read it.
 */

import { element, icon, setText } from "../lib/dom.js";
import { receipt, resynced } from "../lib/connection.js";
import { LiveElement } from "./live_element.js";

const RECEIPT_MS = 6_000;

/** @typedef {import("../live/standing.js").LiveState} LiveState */

export class LiveReceipt extends LiveElement {
  #timer = 0;
  /** @type {LiveState["caughtUp"]} */
  #caughtUp = null;
  /** @type {LiveState["resync"]} */
  #resync = null;

  /** @param {{live: import("../live/live.js").Live}} page */
  follow({ live }) {
    this.release();
    this.until(live.subscribe((state) => this.#changed(state)));
    this.until(() => clearTimeout(this.#timer));
    const onClick = (/** @type {MouseEvent} */ { target }) =>
      target instanceof Element && target.closest("button") && this.#clear();
    this.addEventListener("click", onClick);
    this.until(() => this.removeEventListener("click", onClick));
  }

  /** Something else that the reader asked about; it goes away by itself. @param {string} words */
  say(words) {
    this.#show(words, false);
  }

  /** @param {LiveState} state */
  #changed({ caughtUp, resync }) {
    if (resync && resync !== this.#resync) this.#show(resynced(resync), true);
    else if (caughtUp && caughtUp !== this.#caughtUp) this.#show(receipt(caughtUp), false);
    this.#caughtUp = caughtUp;
    this.#resync = resync;
  }

  /** @param {string} words @param {boolean} stays */
  #show(words, stays) {
    clearTimeout(this.#timer);
    this.toggleAttribute("data-resync", stays);
    const attributes = { class: "button button--quiet button--icon", type: "button", "aria-label": "Close" };
    const close = element("button", attributes, icon("close"));
    this.replaceChildren(element("span", {}, words), ...(stays ? [close] : []));
    if (!stays) this.#timer = setTimeout(() => this.#clear(), RECEIPT_MS);
  }

  #clear() {
    this.removeAttribute("data-resync");
    setText(this, "");
  }
}
