/** What the slider runs along: how fast the history went where, and the events that one may want to see again. */

import { svgElement } from "../lib/dom.js";
import { paceShape } from "../lib/strip.js";

/** @type {Record<string, string>} */
const TONES = {
  failed: "failed", step_failed: "failed", quarantined: "quarantined", step_retrying: "retrying", released: "retrying",
  cancelled: "cancelled", succeeded: "succeeded", resumed: "running",
};
/** `dashboard/views/moments.py` answers with as many. */
const MOST_MARKS = 500;
/** The pace is read again when the history has grown by so much. */
const GROWN = 1.2;

export class ScrubberStrip {
  #svg;
  #address;
  /** Seq and line of each, ascending. @type {{seq: number, line: Element}[]} */
  #marks = [];
  /** Where the history ended when it was read; infinite while that is under way. */
  #readTo = 0;

  /** @param {SVGElement} svg @param {string} address */
  constructor(svg, address) {
    this.#svg = svg;
    this.#address = address;
  }

  /** The strip is as long as the history. @param {number} last */
  fit(last) {
    this.#svg.setAttribute("viewBox", `1 0 ${Math.max(1, last - 1)} 10`);
    if (last > this.#readTo * GROWN + 10 || this.#readTo === 0) this.#read(last);
  }

  /** Mark those of the events that are worth it. @param {[number, string][]} events  seq and kind, ascending */
  mark(events) {
    const known = new Set(this.#marks.map(({ seq }) => seq));
    const fresh = events.filter(([seq, kind]) => kind in TONES && !known.has(seq));
    if (fresh.length === 0) return;
    const made = fresh.map(([seq, kind]) => {
      const line = svgElement("path", { class: "scrubber__mark tone", "data-status": TONES[kind], d: `M${seq} 0V10` });
      return { seq, line };
    });
    this.#svg.append(...made.map(({ line }) => line));
    const all = [...this.#marks, ...made].sort((one, other) => one.seq - other.seq);
    for (const { line } of all.splice(0, Math.max(0, all.length - MOST_MARKS))) line.remove();
    this.#marks = all;
  }

  /** The next mark in a direction. @param {number} at @param {number} direction @returns {number|undefined} */
  next(at, direction) {
    if (direction < 0) return this.#marks.findLast(({ seq }) => seq < at)?.seq;
    return this.#marks.find(({ seq }) => seq > at)?.seq;
  }

  /** @param {number} last */
  async #read(last) {
    this.#readTo = Infinity;
    try {
      const answer = await fetch(this.#address, { redirect: "error", cache: "no-store" });
      if (!answer.ok) return;
      const { marks, pace } = await answer.json();
      this.#paintPace(pace);
      this.mark(marks);
    } catch {
      // without the strip it is a slider all the same
    } finally {
      this.#readTo = last;
    }
  }

  /** @param {[number, string][]} pace */
  #paintPace(pace) {
    this.#svg.querySelector(".scrubber__pace")?.remove();
    this.#svg.prepend(svgElement("path", { class: "scrubber__pace", d: paceShape(pace) }));
  }
}
