/**
 * <time-scrubber>: the whole history as one slider. Dragged, stepped or played, every panel shows the state of that
 * moment, the address names it, and nobody can act; at its end the page is live.
 */

import { setText, svgElement } from "../lib/dom.js";
import { clock as timeOfDay, milliseconds } from "../lib/times.js";
import { LiveElement } from "./live_element.js";

const SPEEDS = [1, 10, 60];
/** While it plays, nobody waits longer than this for the next event. */
const LONGEST_MS = 1_500;
const SHORTEST_MS = 30;
/** Browsers refuse to change the address a hundred times in a drag. */
const NAMING_MS = 300;
const TONES = {
  failed: "failed", step_failed: "failed", quarantined: "quarantined", step_retrying: "retrying", released: "retrying",
  cancelled: "cancelled", succeeded: "succeeded", resumed: "running",
};

export class TimeScrubber extends LiveElement {
  #store = null;
  #clock = null;
  #speed = 0;
  #timer = 0;
  #naming = 0;
  #marks = [];
  /** What the page as a whole was painted for. */
  #shown = null;

  /**
   * @param {{store: import("../live/moment_store.js").MomentStore, clock: import("../live/clock.js").Clock}} page
   */
  follow({ store, clock }) {
    this.release();
    this.#store = store;
    this.#clock = clock;
    const listening = new AbortController();
    this.until(() => listening.abort());
    this.until(() => [this.#timer, this.#naming].forEach(clearTimeout));
    this.until(store.subscribe((change) => this.#changed(change)));
    this.#listen(listening.signal);
    this.querySelector(".scrubber__look").hidden = true;
    this.querySelector(".scrubber__buttons").hidden = false;
    this.#paint();
    this.#readMarks();
  }

  #listen(signal) {
    this.#range.addEventListener("input", () => this.#jump(Number(this.#range.value)), { signal });
    this.#range.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.addEventListener("submit", (event) => event.preventDefault(), { signal });
    this.addEventListener("click", (event) => this.#click(event), { signal });
  }

  #key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === " ") this.#toggle();
    else if (steps && event.shiftKey) this.#jump(this.#landmark(steps));
    else return;
    event.preventDefault();
  }

  #click(event) {
    const asked = event.target.closest("button, a");
    if (!asked) return;
    if (asked.dataset.step) this.#jump(this.#at + Number(asked.dataset.step));
    else if ("play" in asked.dataset) this.#toggle();
    else if ("speed" in asked.dataset) setText(asked, `${SPEEDS[(this.#speed = (this.#speed + 1) % SPEEDS.length)]}×`);
    else if (asked.matches(".scrubber__live")) {
      event.preventDefault();
      this.#live();
    }
  }

  get #at() {
    return this.#store.viewing ?? this.#store.last;
  }

  /** The next mark in a direction; without one, an end of the history. */
  #landmark(direction) {
    const seqs = this.#marks.map(([seq]) => seq);
    if (direction < 0) return seqs.findLast((seq) => seq < this.#at) ?? 1;
    return seqs.find((seq) => seq > this.#at) ?? this.#store.last;
  }

  #jump(seq) {
    this.#stop();
    return this.#view(seq);
  }

  async #view(seq) {
    try {
      await this.#store.view(seq);
    } catch {
      this.#stop();
      this.#say("That moment could not be read. Try again.");
    }
  }

  #live() {
    this.#stop();
    this.#store.live();
  }

  #toggle() {
    if (this.#timer) return this.#stop();
    this.#play.setAttribute("aria-pressed", "true");
    setText(this.#play, "❚❚");
    const from = this.#store.viewing === null ? 1 : this.#at;
    this.#timer = setTimeout(() => this.#advance(from), 0);
    return undefined;
  }

  async #advance(seq) {
    const before = this.#store.state.workflow.last_event?.at;
    await this.#view(seq);
    if (!this.#timer) return;
    if (this.#store.viewing === null) return this.#stop();
    const { at } = this.#store.state.workflow.last_event;
    const gap = before ? (milliseconds(at) - milliseconds(before)) / SPEEDS[this.#speed] : 0;
    this.#timer = setTimeout(() => this.#advance(this.#at + 1), Math.min(LONGEST_MS, Math.max(SHORTEST_MS, gap)));
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#play.setAttribute("aria-pressed", "false");
    setText(this.#play, "▶");
  }

  #changed({ kind, events }) {
    if (kind === "events") this.#mark(events.filter(([, , name]) => name in TONES).map(([seq, , name]) => [seq, name]));
    this.#paint();
  }

  #paint() {
    const { viewing, last, state } = this.#store;
    this.#range.max = String(last);
    this.#range.value = String(this.#at);
    this.querySelector(".scrubber__marks").setAttribute("viewBox", `1 0 ${Math.max(1, last - 1)} 10`);
    const at = state.workflow.last_event?.at;
    const place = `event ${this.#at} of ${last}`;
    this.#range.setAttribute("aria-valuetext", at ? `${place}, ${timeOfDay(at)}` : place);
    this.#say(viewing === null ? "" : `Viewing ${timeOfDay(at)}, ${place}. Live is ${last - viewing} ahead.`);
    if (viewing !== this.#shown) this.#paintPage((this.#shown = viewing), at);
  }

  #say(words) {
    this.querySelector(".scrubber__past").hidden = words === "";
    setText(this.querySelector(".scrubber__words"), words);
  }

  /** The page as a whole: what it claims to be now, what its address names, and whether one may act. */
  #paintPage(viewing, at) {
    this.#clock.hold(viewing === null ? null : milliseconds(at));
    document.documentElement.toggleAttribute("data-moment", viewing !== null);
    const actions = document.querySelector(".workflow-header__actions");
    actions?.toggleAttribute("inert", viewing !== null);
    actions?.setAttribute("title", viewing === null ? "" : "Nobody acts on the past: go back to live first.");
    clearTimeout(this.#naming);
    this.#naming = setTimeout(() => name(viewing), NAMING_MS);
  }

  async #readMarks() {
    try {
      const answer = await fetch(this.dataset.marks, { redirect: "error" });
      if (answer.ok) this.#mark((await answer.json()).marks);
    } catch {
      // without marks it is a slider all the same
    }
  }

  #mark(marks) {
    const known = new Set(this.#marks.map(([seq]) => seq));
    const fresh = marks.filter(([seq]) => !known.has(seq));
    this.#marks = [...this.#marks, ...fresh].sort(([a], [b]) => a - b);
    const lines = fresh.map(([seq, kind]) =>
      svgElement("path", { class: "scrubber__mark tone", "data-status": TONES[kind] ?? "", d: `M${seq} 0V10` }),
    );
    this.querySelector(".scrubber__marks").append(...lines);
  }

  get #range() {
    return /** @type {HTMLInputElement} */ (this.querySelector(".scrubber__range"));
  }

  get #play() {
    return /** @type {HTMLElement} */ (this.querySelector("[data-play]"));
  }
}

/** The address of the page names the moment, so that it can be passed on. @param {number|null} viewing */
function name(viewing) {
  const address = new URL(location.href);
  if (viewing === null) address.searchParams.delete("seq");
  else address.searchParams.set("seq", String(viewing));
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}
