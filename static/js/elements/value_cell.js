/** Patches a cell of the list that shows the value of a key; the twin of the template `dashboard/workflows/_value.html`. */

import { element, setText } from "../lib/dom.js";
import { cell as cellOf } from "../lib/cells.js";
import { paintProgress } from "./progress_bar.js";

/** @param {HTMLElement} cell with `data-as` @param {unknown} value  undefined: nothing published @returns {boolean} whether it changed */
export function paintValue(cell, value) {
  if (value === undefined) {
    const some = cell.hasChildNodes();
    cell.replaceChildren();
    return some;
  }
  const shown = cellOf(value, cell.dataset.as);
  cell.dataset.kind = shown.kind;
  cell.title = shown.kind === "time" ? "" : shown.text;
  if (shown.kind === "progress") return paintBar(cell, value);
  const [tag, place] = PLACES.get(shown.kind) ?? ["span", ""];
  const node = cell.firstElementChild;
  if (!node || node.localName !== tag) {
    cell.replaceChildren(make(tag, place, shown));
    return true;
  }
  if (tag === "time-ago") {
    const moved = node.getAttribute(place) !== shown.at;
    node.setAttribute(place, shown.at ?? "");
    return moved;
  }
  if (place) node.setAttribute(place, shown.at ?? "");
  return setText(node, shown.text);
}

/** @type {Map<string, [tag: string, place: string]>} */
const PLACES = new Map([["link", ["a", "href"]], ["time", ["time-ago", "datetime"]]]);

/** @param {string} tag @param {string} place @param {import("../lib/cells.js").Cell} shown */
function make(tag, place, { at = "", text }) {
  /** @type {Record<string, string>} */
  const attributes = place ? { [place]: at } : {};
  if (tag === "a") Object.assign(attributes, { rel: "noopener noreferrer", target: "_blank" });
  return element(tag, attributes, text);
}

/** @param {HTMLElement} cell @param {unknown} value */
function paintBar(cell, value) {
  if (cell.firstElementChild?.localName !== "div") cell.replaceChildren();
  return paintProgress(cell, value, null);
}
