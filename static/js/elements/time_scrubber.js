/**
 * <time-scrubber>: the whole history as one slider. Dragged, stepped or played, every panel shows the state of that
 * moment, the address names it, and nobody can act; at its end the page is live.
 */

import { one, setText } from "../lib/dom.js";
import { clock as timeOfDay, milliseconds } from "../lib/times.js";
import { grouped } from "../lib/values.js";
import { LiveElement } from "./live_element.js";
import { ScrubberStrip } from "./scrubber_strip.js";

const SPEEDS = [1, 10, 60];
/** While it plays, nobody waits longer than this for the next event. */
const LONGEST_MS = 1_500;
const SHORTEST_MS = 30;
/** Browsers refuse to change the address a hundred times in a drag. */
const NAMING_MS = 300;

export class TimeScrubber extends LiveElement {
  /** @type {import("../live/moment_store.js").MomentStore} */
  #store;
  /** @type {import("../live/clock.js").Clock} */
  #clock;
  #speed = 0;
  #timer = 0;
  #naming = 0;
  /** Where a step leads that is not read yet: the next one goes on from there. @type {number|null} */
  #heading = null;
  /** @type {ScrubberStrip} */
  #strip;
  /** What the page as a whole was painted for. @type {number|null} */
  #shown = null;

  /** @param {import("./live_element.js").WorkflowPage} page */
  follow({ store, clock }) {
    this.release();
    this.#store = store;
    this.#clock = clock;
    this.#strip ??= new ScrubberStrip(one(this, ".scrubber__marks", SVGElement), this.dataset.marks ?? "");
    const listening = new AbortController();
    this.until(() => listening.abort());
    this.until(() => [this.#timer, this.#naming].forEach(clearTimeout));
    this.until(store.subscribe((change) => this.#changed(change)));
    this.#listen(listening.signal);
    one(this, ".scrubber__look").hidden = true;
    one(this, ".scrubber__buttons").hidden = false;
    this.#paint();
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    this.#range.addEventListener("input", () => this.#jump(Number(this.#range.value)), { signal });
    this.#range.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.addEventListener("submit", (event) => event.preventDefault(), { signal });
    this.addEventListener("click", (event) => this.#click(event), { signal });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const steps = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (event.key === " ") this.#toggle();
    else if (steps && event.shiftKey) this.#jump(this.#landmark(steps));
    else return;
    event.preventDefault();
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const asked = event.target instanceof Element && event.target.closest("button, a");
    if (!(asked instanceof HTMLElement)) return;
    if (asked.dataset.step) this.#jump((this.#heading ?? this.#at) + Number(asked.dataset.step));
    else if (asked.dataset.mark) this.#jump(this.#landmark(Number(asked.dataset.mark)));
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

  /** The next mark in a direction; without one, an end of the history. @param {number} direction */
  #landmark(direction) {
    return this.#strip.next(this.#heading ?? this.#at, direction) ?? (direction < 0 ? 1 : this.#store.last);
  }

  /** @param {number} seq */
  #jump(seq) {
    this.#stop();
    this.#heading = seq;
    return this.#view(seq);
  }

  /** @param {number} seq */
  async #view(seq) {
    try {
      await this.#store.view(seq);
    } catch {
      this.#stop();
      this.#say("That moment could not be read. Try again.");
    }
    if (this.#heading === seq) this.#heading = null;
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

  /** @param {number} seq */
  async #advance(seq) {
    const before = this.#store.state.workflow.last_event?.at;
    await this.#view(seq);
    if (!this.#timer) return;
    if (this.#store.viewing === null) return this.#stop();
    const at = this.#store.state.workflow.last_event?.at;
    const gap = before && at ? (milliseconds(at) - milliseconds(before)) / SPEEDS[this.#speed] : 0;
    this.#timer = setTimeout(() => this.#advance(this.#at + 1), Math.min(LONGEST_MS, Math.max(SHORTEST_MS, gap)));
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#play.setAttribute("aria-pressed", "false");
    setText(this.#play, "▶");
  }

  /** @param {import("../live/fold.js").Change} change */
  #changed({ kind, events }) {
    if (kind === "events") this.#strip.mark(events.map(([seq, , name]) => [seq, name]));
    this.#paint();
  }

  #paint() {
    const { viewing, last, state } = this.#store;
    this.#range.max = String(last);
    this.#range.value = String(this.#at);
    this.#strip.fit(last);
    const at = state.workflow.last_event?.at;
    const place = `event ${grouped(this.#at)} of ${grouped(last)}`;
    this.#range.setAttribute("aria-valuetext", at ? `${place}, ${timeOfDay(at)}` : place);
    this.#say(viewing === null || !at ? "" : `Viewing ${timeOfDay(at)}, ${place}. Live is ${grouped(last - viewing)} ahead.`);
    one(this, ".scrubber__share").dataset.value = new URL(`?seq=${this.#at}`, location.href).href;
    if (viewing !== this.#shown) this.#paintPage((this.#shown = viewing), at);
  }

  /** @param {string} words */
  #say(words) {
    one(this, ".scrubber__past").hidden = words === "";
    setText(this.querySelector(".scrubber__words"), words);
  }

  /**
   * The page as a whole: what it claims to be now, what its address names, and whether one may act.
   * @param {number|null} viewing @param {string|undefined} at
   */
  #paintPage(viewing, at) {
    this.#clock.hold(viewing === null || !at ? null : milliseconds(at));
    document.documentElement.toggleAttribute("data-moment", viewing !== null);
    const actions = document.querySelector(".workflow-header__actions");
    actions?.toggleAttribute("inert", viewing !== null);
    actions?.setAttribute("title", viewing === null ? "" : "Nobody acts on the past: go back to live first.");
    clearTimeout(this.#naming);
    this.#naming = setTimeout(() => name(viewing), NAMING_MS);
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
