/** The colours of a chart: resolved from the tokens of the page, because a canvas knows none, and again when they change. */

import { element } from "./dom.js";

const HATCHED = "failed";
const TILE = 6;
const SCHEMES = ["(prefers-color-scheme: dark)", "(forced-colors: active)"];

export class ChartLook {
  #probe = element("i", { class: "chart__probe", "aria-hidden": "true" });

  /** @param {HTMLElement} within  whose colours they are */
  constructor(within) {
    within.append(this.#probe);
  }

  /** The colour of a part, as `data-part` names it. @param {string} part */
  colour(part) {
    this.#probe.dataset.part = part;
    return getComputedStyle(this.#probe).color;
  }

  /**
   * What an area of this part is filled with. Failures are hatched: colour alone would not be enough.
   * @param {string} part @param {CanvasRenderingContext2D} context @returns {string|CanvasPattern}
   */
  fill(part, context) {
    return (part === HATCHED && this.#hatch(context)) || this.colour(part);
  }

  /** @param {CanvasRenderingContext2D} context */
  #hatch(context) {
    const size = TILE * Math.max(1, Math.round(devicePixelRatio));
    const tile = /** @type {HTMLCanvasElement} */ (element("canvas", { width: String(size), height: String(size) }));
    const pen = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"));
    pen.fillStyle = this.colour("ground");
    pen.fillRect(0, 0, size, size);
    pen.strokeStyle = this.colour(HATCHED);
    pen.lineWidth = size / 3;
    for (const start of [-size, 0, size]) {
      pen.moveTo(start, size);
      pen.lineTo(start + size, 0);
    }
    pen.stroke();
    return context.createPattern(tile, "repeat");
  }
}

/** Hear when the page changes its colours. @param {() => void} act @returns {() => void} how to stop */
export function onColours(act) {
  const observer = new MutationObserver(act);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const queries = SCHEMES.map((query) => matchMedia(query));
  for (const query of queries) query.addEventListener("change", act);
  return () => {
    observer.disconnect();
    for (const query of queries) query.removeEventListener("change", act);
  };
}
