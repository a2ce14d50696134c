/**
 * <live-fragment src interval>: a part of the page that the server renders again every `interval` ms.
 *
 * Fetched only while the page is visible, and exchanged only when it differs and the reader is not busy inside it: no
 * focus, no selected text, no open form. When it cannot be read again, it says as of when it is.
 */

import { element } from "../lib/dom.js";
import { clock } from "../lib/times.js";

const SLOWEST_MS = 30_000;

export class LiveFragment extends HTMLElement {
  #timer = 0;
  #failures = 0;
  /** @type {string|null} */
  #asOf = null;
  #shown = "";
  #onVisible = () => document.visibilityState === "visible" && this.#schedule(0);

  connectedCallback() {
    this.#asOf = new Date().toISOString();
    document.addEventListener("visibilitychange", this.#onVisible);
    this.#schedule(this.#interval);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#onVisible);
  }

  get #interval() {
    return Number(this.getAttribute("interval")) || 2000;
  }

  #schedule(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), ms);
  }

  async #refresh() {
    if (document.visibilityState !== "visible") return; // its return schedules again
    if (document.documentElement.dataset.connection !== "paused") await this.#fetch();
    if (this.isConnected) this.#schedule(Math.min(this.#interval * 2 ** this.#failures, SLOWEST_MS));
  }

  async #fetch() {
    try {
      // A redirect leads to the sign-in page: that is no answer, either.
      const response = await fetch(this.getAttribute("src") ?? "", { redirect: "error", cache: "no-store" });
      if (!response.ok) throw new Error(String(response.status));
      this.#show(await response.text());
      this.#failures = 0;
      this.#asOf = new Date(response.headers.get("date") ?? Date.now()).toISOString();
    } catch {
      this.#failures += 1;
    }
    this.#paintAge();
  }

  #show(html) {
    if (html === this.#shown || this.#isBusy()) return;
    const body = this.querySelector(".live-fragment__body");
    const fresh = element("div", { class: "live-fragment__body" });
    fresh.append(...new DOMParser().parseFromString(html, "text/html").body.childNodes); // its scripts would not run
    this.#shown = html;
    if (!fresh.isEqualNode(body)) body.replaceWith(fresh);
  }

  /** Whoever points, selects or types in it must not lose that. */
  #isBusy() {
    const selection = getSelection();
    const selects = selection !== null && !selection.isCollapsed && selection.containsNode(this, true);
    return this.contains(document.activeElement) || selects || this.querySelector("details[open]") !== null;
  }

  #paintAge() {
    const age = /** @type {HTMLElement} */ (this.querySelector(".live-fragment__stale"));
    age.hidden = this.#failures === 0;
    age.textContent = this.#failures === 0 ? "" : `as of ${clock(this.#asOf)}; it could not be read again`;
  }
}
