/** The marks on the slider of a history, where something failed, ended or went on: what shift and an arrow jump to. */

import { svgElement } from "../lib/dom.js";

/** @type {Record<string, string>} */
const TONES = {
  failed: "failed", step_failed: "failed", quarantined: "quarantined", step_retrying: "retrying", released: "retrying",
  cancelled: "cancelled", succeeded: "succeeded", resumed: "running",
};

/** @typedef {[seq: number, kind: string]} Mark */

export class ScrubberMarks {
  #svg;
  /** Ascending. @type {Mark[]} */
  #marks = [];

  /** @param {SVGElement} svg */
  constructor(svg) {
    this.#svg = svg;
  }

  /** The seq of the next mark in a direction, if there is one. @param {number} direction @param {number} from */
  next(direction, from) {
    const seqs = this.#marks.map(([seq]) => seq);
    return direction < 0 ? seqs.findLast((seq) => seq < from) : seqs.find((seq) => seq > from);
  }

  /** Mark those of these events that are worth it. @param {import("../live/protocol.js").WireEvent[]} events */
  note(events) {
    this.#add(events.map(([seq, , kind]) => /** @type {Mark} */ ([seq, kind])).filter(([, kind]) => kind in TONES));
  }

  /** Mark what the server knows; without that it is a slider all the same. @param {string} address */
  async read(address) {
    try {
      const answer = await fetch(address, { redirect: "error" });
      if (answer.ok) this.#add((await answer.json()).marks);
    } catch {
      // the next page asks again
    }
  }

  /** @param {Mark[]} marks */
  #add(marks) {
    const known = new Set(this.#marks.map(([seq]) => seq));
    const fresh = marks.filter(([seq]) => !known.has(seq));
    this.#marks = [...this.#marks, ...fresh].sort(([a], [b]) => a - b);
    const lines = fresh.map(([seq, kind]) =>
      svgElement("path", { class: "scrubber__mark tone", "data-status": TONES[kind] ?? "", d: `M${seq} 0V10` }),
    );
    this.#svg.append(...lines);
  }

  /** How long the history is. @param {number} last  seq of its newest event */
  fit(last) {
    this.#svg.setAttribute("viewBox", `1 0 ${Math.max(1, last - 1)} 10`);
  }
}
