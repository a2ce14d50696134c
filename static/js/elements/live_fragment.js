/**
 * <live-fragment src interval|topic|data-workflow data-key>: a part of the page that the server renders again every
 * `interval` ms, or, with a topic or several, whenever one of them says that something changed, or whenever the key of a
 * workflow got another value or the workflow another status; at most once in `pause` ms. Once a part says `data-settled`, the
 * interval ends.
 *
 * Fetched only while the page is visible. Of what was fetched, each part at the top is exchanged only when it differs and
 * the reader is not busy inside it: no selected text, no open form, no focus but on a link that stays; of a table whose rows
 * have names all but the row in which the reader is. When it cannot be
 * read again, it says as of when it is. With a topic nothing is fetched while the connection is lost: the page says as of
 * when it is, and is read again when the topic is heard again, or the interval is over.
 */

import { element, exchange, isBusyIn, one } from "../lib/dom.js";
import { exchangeRows } from "../lib/named_rows.js";
import { clock } from "../lib/times.js";
import { OverviewStore } from "../live/overview_store.js";
import { WorkflowStore } from "../live/workflow_store.js";
import { LiveElement } from "./live_element.js";

const SLOWEST_MS = 30_000;
/** While the connection is like this, a fragment with a topic stands still like the rest of the page. */
const STANDING = new Set(["reconnecting", "signed_out", "forbidden"]);
/** Between two fetches, however often the topic changes; and until the next look whether the reader is still busy. */
const PAUSE_MS = 1_000;
/** An answer that takes longer leaves the reader with something old, and the reader hears so. */
const LATE_MS = 10_000;

export class LiveFragment extends LiveElement {
  #timer = 0;
  #late = 0;
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
    clearTimeout(this.#late);
    document.removeEventListener("visibilitychange", this.#onVisible);
  }

  /**
   * Hear when a topic changes.
   * @param {{live: import("../live/live.js").Live}} page
   */
  follow({ live }) {
    for (const topic of this.#topics) {
      const store = new OverviewStore(topic);
      this.until(store.subscribe(() => this.#changed()));
      this.until(live.follow(store));
    }
    const { workflow, key = "" } = this.dataset;
    if (workflow === undefined) return;
    const store = unread(workflow);
    this.until(store.subscribe(({ keys, workflow: ended, kind }) => (kind === "gone" || ended || keys.has(key)) && this.#changed()));
    this.until(live.follow(store));
  }

  #changed() {
    this.#outdated = true;
    if (!this.#fetching) this.#schedule(Math.max(0, this.#fetchedAt + this.#shortest - Date.now()));
  }

  get #topics() {
    return (this.getAttribute("topic") ?? "").split(" ").filter(Boolean);
  }

  /** Something says when there is news. */
  get #isTold() {
    return this.#topics.length > 0 || this.dataset.workflow !== undefined;
  }

  /** 0: none, because it is told. */
  get #interval() {
    return Number(this.getAttribute("interval")) || (this.#isTold ? 0 : 2000);
  }

  get #shortest() {
    return Number(this.getAttribute("pause")) || PAUSE_MS;
  }

  /** @param {number} ms */
  #schedule(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), ms);
  }

  async #refresh() {
    if (document.visibilityState !== "visible" || this.#fetching) return; // its return, or the answer, schedules again
    this.#fetching = true;
    this.#outdated = false;
    if (!this.#standsStill) await this.#fetch();
    this.#fetching = false;
    if (this.isConnected && ((this.#interval && !this.#isSettled) || this.#outdated)) this.#schedule(this.#pause);
  }

  /** What the server said last will not change by itself. */
  get #isSettled() {
    return this.querySelector(".live-fragment__body > [data-settled]") !== null;
  }

  get #standsStill() {
    const connection = document.documentElement.dataset.connection ?? "";
    return connection === "paused" || (this.#isTold && STANDING.has(connection));
  }

  get #pause() {
    const hurried = this.#isTold && this.#outdated;
    return Math.min((hurried ? this.#shortest : this.#interval || this.#shortest) * 2 ** this.#failures, SLOWEST_MS);
  }

  async #fetch() {
    this.#fetchedAt = Date.now();
    this.#late = setTimeout(() => this.#paintAge("the answer is late"), LATE_MS);
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
    clearTimeout(this.#late);
    this.#paintAge(this.#failures > 0 ? "it could not be read again" : "");
  }

  /** @param {string} html */
  #show(html) {
    if (html === this.#shown) return;
    const body = one(this, ".live-fragment__body");
    const fresh = element("div");
    fresh.append(...new DOMParser().parseFromString(html, "text/html").body.childNodes); // its scripts would not run
    const parts = [...fresh.children];
    const olds = [...body.children];
    if (parts.length === olds.length) {
      for (const [place, part] of parts.entries()) if (!show(olds[place], part)) this.#outdated = true;
    } else if (isBusyIn(body) || body.contains(document.activeElement)) this.#outdated = true;
    else body.replaceChildren(...fresh.childNodes);
    if (!this.#outdated) this.#shown = html;
  }

  /** @param {string} why  what is shown is old; empty: it is not */
  #paintAge(why) {
    const age = /** @type {HTMLElement} */ (this.querySelector(".live-fragment__stale"));
    age.hidden = why === "";
    age.textContent = why && `as of ${clock(this.#asOf ?? "")}; ${why}`;
  }
}

/** One part for another. @param {Element} old @param {Element} part @returns {boolean} whether the reader sees all of it */
const show = (old, part) => old.isEqualNode(part) || (!isBusyIn(old) && exchange(old, part)) || exchangeRows(old, part);

/** The store of a workflow of which nothing is known yet. @param {string} id */
function unread(id) {
  const workflow = /** @type {import("../live/protocol.js").Workflow} */ ({ id });
  return new WorkflowStore({ seq: 0, workflow, values: {}, steps: {} }, [], null, { keep: 1 });
}
