/** Patches the cell that shows the progress of a workflow; the twin of the template `dashboard/_progress.html`. */

import { element, setText } from "../lib/dom.js";
import { progress } from "../lib/values.js";

/**
 * @param {Element} cell @param {unknown} value  of the key `progress` @param {unknown} phase  of the key `phase`
 * @returns {boolean} whether anything changed
 */
export function paintProgress(cell, value, phase) {
  const shown = progress(value, phase);
  if (!shown) {
    cell.replaceChildren();
    return false;
  }
  if (!cell.firstElementChild) cell.append(emptyProgress());
  paintBar(/** @type {Element} */ (cell.firstElementChild), shown.fraction);
  return setText(cell.querySelector(".workflow-progress__text"), shown.text);
}

function emptyProgress() {
  return element("div", { class: "workflow-progress" }, element("span", { class: "workflow-progress__text" }));
}

/** @param {Element} box @param {number|null} fraction */
function paintBar(box, fraction) {
  let bar = box.querySelector("progress");
  if (fraction === null) return bar?.remove();
  if (!bar) {
    bar = element("progress", { max: "1000", "aria-label": "Progress" });
    box.prepend(bar);
  }
  bar.value = Math.trunc(fraction * 1000);
}
