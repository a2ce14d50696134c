/**
 * <while-away data-src data-user>: says what happened while nobody looked at any page of the console in this browser, once somebody
 * does again. Stays until it is closed.
 */

import { element, icon } from "../lib/dom.js";

const AWAY_MS = 5 * 60_000;
const NOTE_MS = 30_000;

export class WhileAway extends HTMLElement {
  #noting = 0;
  #listening = new AbortController();

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    document.addEventListener("visibilitychange", () => this.#turned(), { signal });
    this.addEventListener("click", (event) => this.#click(event), { signal });
    const seen = () => this.#isSeen && this.#turned();
    this.#noting = setInterval(seen, NOTE_MS); // a machine that slept wakes with the page in sight
    seen(); // not a page that was opened behind another one
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearInterval(this.#noting);
  }

  get #isSeen() {
    return document.visibilityState === "visible";
  }

  /** Seen again, or seen until now. */
  #turned() {
    const away = this.#isSeen ? Date.now() - Number(localStorage.getItem(this.#key) ?? Date.now()) : 0;
    this.#note();
    if (away >= AWAY_MS) this.#ask(Math.round(away / 1000));
  }

  #note() {
    localStorage.setItem(this.#key, String(Date.now()));
  }

  /** @param {number} seconds */
  async #ask(seconds) {
    const address = `${this.dataset.src}?seconds=${seconds}`;
    const answer = await fetch(address, { redirect: "error", cache: "no-store" }).catch(() => null);
    if (answer?.status !== 200) return; // nothing happened, or nobody knows: there is nothing to say
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const close = element("button", { class: "button button--quiet button--icon", type: "button", "aria-label": "Close" }, icon("close"));
    this.replaceChildren(...page.body.childNodes, close);
  }

  /** @param {MouseEvent} event */
  #click({ target }) {
    if (target instanceof Element && target.closest("button")) this.replaceChildren();
  }

  /** Of each account, for all pages of this browser. */
  get #key() {
    return `seen-at ${this.dataset.user}`;
  }
}
