/**
 * <connection-status>: how the live connection is, in words, always. Also puts the state on the root element, so that
 * everything that claims to be now can step back while it is not.
 */

import { element, setText } from "../lib/dom.js";
import { clock as timeOfDay, wholeDuration } from "../lib/times.js";
import { LiveElement } from "./live_element.js";

const QUIET_MS = 60_000;
const RECEIPT_MS = 6_000;
const LOST_ENOUGH_TO_SAY = 1_000;

export class ConnectionStatus extends LiveElement {
  #live = null;
  #heardAt = 0;
  #lostAt = null;
  #caughtUp = null;
  #timer = 0;

  /** @param {{live: import("../live/live.js").Live, store?: {subscribe: Function}}} page */
  follow({ live, store }) {
    this.release();
    this.#live = live;
    this.#heardAt = live.clock.now();
    this.until(live.subscribe(() => this.#changed()));
    this.until(live.clock.onTick(() => this.#render()));
    if (store) this.watch(store);
    const counting = setInterval(() => live.state.retryAt && this.#render(), 500);
    this.until(() => clearInterval(counting));
  }

  /** Hear when something arrives, to tell "quiet" from "live". @returns {() => void} stops it */
  watch(store) {
    const stop = store.subscribe(() => (this.#heardAt = this.#live.clock.now()));
    this.until(stop);
    return stop;
  }

  #changed() {
    const { lostAt, caughtUp } = this.#live.state;
    const name = this.#name;
    // A page that never got its connection must not count on either.
    if (name === "reconnecting") this.#live.clock.freeze();
    if (name !== this.dataset.state) setText(document.getElementById("announcer"), ANNOUNCED[name]);
    document.documentElement.dataset.connection = name;
    if (lostAt !== null) this.#lostAt = lostAt;
    if (caughtUp && caughtUp !== this.#caughtUp) this.#showReceipt(caughtUp);
    this.#caughtUp = caughtUp;
    this.#render();
    this.#paintAsOf();
  }

  /** How it is for the reader, to whom a first connection that fails and a lost one are the same. */
  get #name() {
    const { name, tries } = this.#live.state;
    return name === "connecting" && tries > 0 ? "reconnecting" : name;
  }

  #paintAsOf() {
    const time = timeOfDay(new Date(this.#live.clock.now()).toISOString());
    for (const one of document.querySelectorAll(".as-of")) setText(one, `as of ${time}`);
  }

  #render() {
    const name = this.#name;
    this.dataset.state = name;
    const words = this.querySelector(".connection__words");
    const { state, clock } = this.#live;
    if (!setText(words, WORDS[name](state, clock.now() - this.#heardAt))) return;
    this.querySelector(".connection__act")?.remove();
    const act = this.#act(name);
    if (act) this.append(act);
  }

  #act(name) {
    if (name === "signed_out") {
      const next = encodeURIComponent(location.pathname + location.search);
      return element("a", { class: "connection__act", href: `${this.dataset.login}?next=${next}` }, "Sign in");
    }
    if (name !== "reconnecting") return null;
    const button = element("button", { class: "button button--quiet connection__act", type: "button" }, "Try now");
    button.addEventListener("click", () => this.#live.retry());
    return button;
  }

  #showReceipt({ replayed }) {
    const toast = document.querySelector(".receipt");
    const away = Date.now() - (this.#lostAt ?? Date.now());
    const after = away >= LOST_ENOUGH_TO_SAY ? ` after ${wholeDuration(away)}` : "";
    setText(toast, `Reconnected${after}. Replayed ${replayed} event${replayed === 1 ? "" : "s"}, no gap.`);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => setText(toast, ""), RECEIPT_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }
}

const ANNOUNCED = {
  connecting: "",
  live: "Live",
  reconnecting: "Connection lost; what you see is as of now. Reconnecting.",
  signed_out: "Signed out",
  forbidden: "Your account may no longer watch this",
};

const WORDS = {
  connecting: () => "Connecting…",
  live: (_state, quiet) => (quiet > QUIET_MS ? `Live, quiet ${wholeDuration(quiet)}` : "Live"),
  reconnecting: reconnecting,
  signed_out: () => "Signed out.",
  forbidden: () => "Your account may no longer watch this.",
};

function reconnecting({ tries, retryAt }) {
  const seconds = retryAt === null ? 0 : Math.ceil((retryAt - Date.now()) / 1000);
  return `Reconnecting (try ${tries}${seconds > 0 ? `, in ${seconds} s` : ""})`;
}
