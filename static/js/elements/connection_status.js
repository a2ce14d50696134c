/**
 * <connection-status>: how the live connection is, in words, always; its details on demand. Also puts the state on the
 * root element, so that everything that claims to be now can step back while it is not.
 */

import { element, icon, setText } from "../lib/dom.js";
import { ANNOUNCED, shownState, words } from "../lib/connection.js";
import { clock } from "../lib/times.js";
import { PERIOD_MS } from "../live/polling.js";
import { paintDetails } from "./connection_details.js";
import { LiveElement } from "./live_element.js";

const COUNTING_MS = 500;
/** @type {Partial<Record<Shown, string>>} */
const ICONS = { paused: "pause", signed_out: "lock", forbidden: "lock" };

/** @typedef {import("../lib/connection.js").Shown} Shown */

export class ConnectionStatus extends LiveElement {
  /** @type {import("../live/live.js").Live} */
  #live;
  /** @type {import("../live/moment_store.js").MomentStore|null} */
  #store = null;

  /** @param {import("./live_element.js").Page & {store?: import("../live/moment_store.js").MomentStore|null}} page */
  follow({ live, store = null }) {
    this.release();
    this.#live = live;
    this.#store = store;
    this.until(live.subscribe(() => this.#changed()));
    this.until(live.clock.onTick(() => this.#render()));
    const counting = setInterval(() => live.state.retryAt && this.#render(), COUNTING_MS);
    this.until(() => clearInterval(counting));
    const listening = new AbortController();
    this.addEventListener("click", this, { signal: listening.signal });
    this.#details.addEventListener("toggle", () => this.#render(), { signal: listening.signal });
    this.until(() => listening.abort());
  }

  /** @param {MouseEvent} event */
  handleEvent({ target }) {
    if (!(target instanceof Element)) return;
    if (target.closest("[data-act=retry]")) this.#live.retry();
    if (target.closest("[data-act=pause]")) this.#togglePause();
  }

  #togglePause() {
    const { name, paused } = this.#live.state;
    if (paused) this.#live.unpause();
    else if (name !== "signed_out" && name !== "forbidden") this.#live.pause();
  }

  #changed() {
    const shown = this.#shown;
    if (shown !== this.dataset.state) this.#enter(shown);
    this.#render();
    this.#paintAsOf();
  }

  /** @param {Shown} shown */
  #enter(shown) {
    setText(document.getElementById("announcer"), ANNOUNCED[shown]);
    this.dataset.state = document.documentElement.dataset.connection = shown;
    const sign = ICONS[shown];
    this.querySelector(".connection__sign")?.replaceChildren(...(sign ? [icon(sign)] : []));
    this.querySelector(".connection__act")?.remove();
    const act = this.#act(shown);
    if (act) this.append(act);
  }

  get #behind() {
    const { delays, state } = this.#live;
    return delays.behind(state.transport === "polling" ? PERIOD_MS : 0);
  }

  get #shown() {
    return shownState(this.#live.state, this.#behind);
  }

  #paintAsOf() {
    const time = clock(this.#live.clock.now());
    for (const one of document.querySelectorAll(".as-of")) setText(one, `as of ${time}`);
  }

  #render() {
    const shown = this.#shown;
    if (shown !== this.dataset.state) this.#enter(shown);
    const { state, movedAt } = this.#live;
    const moment = { now: Date.now(), quiet: Date.now() - movedAt, behind: this.#behind };
    setText(this.querySelector(".connection__words"), words(shown, state, moment));
    if (this.#details.open) paintDetails(this.#details, shown, this.#live, this.#store);
  }

  get #details() {
    return /** @type {HTMLDetailsElement} */ (this.querySelector("details"));
  }

  /** @param {Shown} shown */
  #act(shown) {
    /** @param {string} act @param {string} words */
    const button = (act, words) =>
      element("button", { class: "button connection__act", type: "button", "data-act": act }, words);
    if (shown === "reconnecting") return button("retry", "Try now");
    if (shown === "paused") return button("pause", "Go on");
    if (shown !== "signed_out") return null;
    const next = encodeURIComponent(location.pathname + location.search);
    return element("a", { class: "button connection__act", href: `${this.dataset.login}?next=${next}` }, "Sign in");
  }
}
