/**
 * <live-fragment src interval|topic>: a part of the page that the server renders again every `interval` ms, or, with a
 * topic, whenever that says that something changed.
 *
 * Fetched only while the page is visible, and exchanged only when it differs and the reader is not busy inside it: no
 * focus, no selected text, no open form. When it cannot be read again, it says as of when it is. With a topic nothing is
 * fetched while the connection is lost: the page says as of when it is, and is read again when the topic is heard again.
 */

import { element } from "../lib/dom.js";
import { clock } from "../lib/times.js";
import { OverviewStore } from "../live/overview_store.js";
import { LiveElement } from "./live_element.js";

const SLOWEST_MS = 30_000;
/** Between two fetches, however often the topic changes; and until the next look whether the reader is still busy. */
const PAUSE_MS = 1_000;

export class LiveFragment extends LiveElement {
  #timer = 0;
  #failures = 0;
  #fetchedAt = 0;
  /** Something is known to be newer than what is shown. */
  #outdated = false;
  #fetching = false;
  /** @type {string|null} */
  #asOf = null;
  #shown = "";
  #onVisible = () => document.visibilityState === "visible" && (this.#interval || this.#outdated) && this.#schedule(0);

  connectedCallback() {
    this.#asOf = new Date().toISOString();
    document.addEventListener("visibilitychange", this.#onVisible);
    if (this.#interval) this.#schedule(this.#interval);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#onVisible);
  }

  /**
   * Hear when the topic changes.
   * @param {{live: import("../live/live.js").Live}} page
   */
  follow({ live }) {
    const topic = this.getAttribute("topic");
    if (!topic) return;
    const store = new OverviewStore(topic);
    this.until(store.subscribe(() => this.#changed()));
    this.until(live.follow(store));
  }

  #changed() {
    this.#outdated = true;
    if (!this.#fetching) this.#schedule(Math.max(0, this.#fetchedAt + PAUSE_MS - Date.now()));
  }

  /** 0: none, because a topic says when. */
  get #interval() {
    return this.hasAttribute("topic") ? 0 : Number(this.getAttribute("interval")) || 2000;
  }

  #schedule(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), ms);
  }

  async #refresh() {
    if (document.visibilityState !== "visible") return; // its return schedules again
    this.#fetching = true;
    this.#outdated = false;
    if (document.documentElement.dataset.connection !== "paused") await this.#fetch();
    this.#fetching = false;
    if (this.isConnected && (this.#interval || this.#outdated)) this.#schedule(this.#pause);
  }

  get #pause() {
    return Math.min((this.#interval || PAUSE_MS) * 2 ** this.#failures, SLOWEST_MS);
  }

  async #fetch() {
    this.#fetchedAt = Date.now();
    try {
      // A redirect leads to the sign-in page: that is no answer, either.
      const response = await fetch(this.getAttribute("src") ?? "", { redirect: "error", cache: "no-store" });
      if (!response.ok) throw new Error(String(response.status));
      this.#show(await response.text());
      this.#failures = 0;
      this.#asOf = new Date(response.headers.get("date") ?? Date.now()).toISOString();
    } catch {
      this.#failures += 1;
      this.#outdated = true;
    }
    this.#paintAge();
  }

  #show(html) {
    if (html === this.#shown) return;
    if (this.#isBusy()) {
      this.#outdated = true;
      return;
    }
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
