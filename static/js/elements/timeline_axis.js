/** The head of the timeline: labels, short waits that can be opened, and the hand that moves what is in sight. */

import { element, one, setText } from "../lib/dom.js";
import { AXIS, marks, ticks } from "../lib/timeline.js";

const ZOOM = 2;
const PAN = 0.2;
/** Shorter drags are clicks. */
const DRAG_PX = 4;

export class TimelineAxis {
  #root;
  #view;
  #changed;
  /** From where to where on the screen, while a button is down. @type {{from: number, to: number}|null} */
  #drag = null;

  /**
   * @param {HTMLElement} root @param {import("../lib/timeline_view.js").TimelineView} view
   * @param {{changed: () => void, gap: (start: number) => void, compress: () => void}} act
   * @param {AbortSignal} signal
   */
  constructor(root, view, { changed, gap, compress }, signal) {
    this.#root = root;
    this.#view = view;
    this.#changed = changed;
    one(root, ".timeline__buttons").hidden = false;
    /** @type {Record<string, () => void>} */
    const acts = {
      follow: () => (view.mode === "follow" ? view.whole() : view.follow()), whole: () => view.whole(), in: () => view.zoom(ZOOM), out: () => view.zoom(1 / ZOOM), compress,
    };
    root.addEventListener("click", ({ target }) => {
      const asked = /** @type {HTMLElement|null} */ (/** @type {Element} */ (target).closest("[data-act], [data-gap]"));
      const { act = "", gap: start } = asked?.dataset ?? {};
      if (start !== undefined) gap(Number(start));
      else if (Object.hasOwn(acts, act)) acts[act]();
      else return;
      changed();
    }, { signal });
    this.#scroll.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.#scroll.addEventListener("wheel", (event) => this.#wheel(event), { passive: false, signal });
    this.#scroll.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    document.addEventListener("pointermove", (event) => this.#move(event), { signal });
    document.addEventListener("pointerup", () => this.#release(), { signal });
    document.addEventListener("pointercancel", () => this.#forget(), { signal });
  }

  /** @param {import("../lib/timeline.js").Gap[]} gaps @param {import("../lib/timeline.js").Segment[]} segments */
  paint(gaps, segments) {
    const { first, length } = this.#view.window;
    const labels = this.#root.querySelectorAll(".timeline__axis > span");
    ticks(segments, first, length).forEach((text, index) => setText(labels[index], text));
    this.#paintMarks(marks(gaps, segments, first, length).filter(({ width }) => width > 0));
    for (const mode of ["follow", "whole"]) {
      one(this.#root, `[data-act="${mode}"]`).setAttribute("aria-pressed", String(this.#view.mode === mode));
    }
    one(this.#root, '[data-act="follow"]').toggleAttribute("data-released", this.#view.isReleased);
  }

  /**
   * Nodes stay as long as their wait does, so that a click meets what it was meant for.
   * @param {ReturnType<typeof marks>} all
   */
  #paintMarks(all) {
    const box = one(this.#root, ".timeline__gaps");
    const nodes = [...box.children].map((node) => /** @type {HTMLElement} */ (node));
    const known = new Map(nodes.map((node) => [Number(node.dataset.gap), node]));
    for (const { start, x, width, label, title } of all) {
      const node = known.get(start) ?? box.appendChild(gapButton(start));
      known.delete(start);
      setText(node, label);
      node.setAttribute("title", `${title}. Click to see its whole length.`);
      node.style.setProperty("--x", String(x / AXIS));
      node.style.setProperty("--width", String(width / AXIS));
    }
    for (const node of known.values()) node.remove();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    /** @type {Record<string, () => void>} */
    const acts = {
      ArrowLeft: () => this.#view.pan(-PAN), ArrowRight: () => this.#view.pan(PAN), Escape: () => this.#view.whole(),
      "+": () => this.#view.zoom(ZOOM), "=": () => this.#view.zoom(ZOOM), "-": () => this.#view.zoom(1 / ZOOM),
    };
    if (event.target !== this.#scroll || event.ctrlKey || event.metaKey || event.altKey || !(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
    this.#changed();
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const sideways = event.deltaX || (event.shiftKey ? event.deltaY : 0);
    if (event.ctrlKey) this.#view.zoom(event.deltaY < 0 ? ZOOM / 1.5 : 1.5 / ZOOM, this.#share(event.clientX));
    else if (sideways) this.#view.pan(sideways / this.#bars.width);
    else return;
    event.preventDefault();
    this.#changed();
  }

  /** @param {PointerEvent} event */
  #press(event) {
    const { left, right } = this.#bars;
    const isOnBars = event.clientX >= left && event.clientX <= right;
    const isThere = isOnBars && !(/** @type {Element} */ (event.target).closest("button, a"));
    if (event.button === 0 && event.pointerType !== "touch" && isThere) this.#drag = { from: event.clientX, to: event.clientX };
  }

  /** @param {PointerEvent} event */
  #move({ clientX }) {
    if (!this.#drag) return;
    this.#drag.to = clientX;
    const shares = this.#shares;
    if (!shares) return;
    const [first, last] = shares;
    const brush = one(this.#root, ".timeline__brush");
    brush.hidden = false;
    brush.style.setProperty("--x", String(first));
    brush.style.setProperty("--width", String(last - first));
    document.getSelection()?.removeAllRanges();
  }

  #release() {
    const shares = this.#shares;
    if (shares) {
      const { first, length } = this.#view.window;
      const [from, to] = shares;
      this.#view.select(first + from * length, (to - from) * length);
      this.#changed();
    }
    this.#forget();
  }

  #forget() {
    this.#drag = null;
    one(this.#root, ".timeline__brush").hidden = true;
  }

  /** What was drawn over, as shares of what is in sight; null: nothing was. */
  get #shares() {
    const { from, to } = this.#drag ?? { from: 0, to: 0 };
    if (Math.abs(to - from) < DRAG_PX) return null;
    return [this.#share(Math.min(from, to)), this.#share(Math.max(from, to))];
  }

  /** @param {number} x  on the screen */
  #share(x) {
    const { left, width } = this.#bars;
    return Math.min(1, Math.max(0, (x - left) / width));
  }

  /** Where the bars are on the screen. */
  get #bars() {
    return one(this.#root, ".timeline__axis").getBoundingClientRect();
  }

  get #scroll() {
    return one(this.#root, ".timeline__scroll");
  }
}

/** @param {number} start */
function gapButton(start) {
  return element("button", { type: "button", class: "timeline__gap", "data-gap": String(start) });
}
