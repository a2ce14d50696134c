/** Patches one row of the list: the cells whose fields changed, in whichever columns the reader chose. */

import { element, flash, one, setText } from "../lib/dom.js";
import { lastWords } from "../lib/rows.js";
import { paintProgress } from "./progress_bar.js";
import { paintValue } from "./value_cell.js";

/** @typedef {import("../live/protocol.js").Summary} Summary */

/**
 * The columns that move, by their class: the fields that move them, and how each is painted.
 * @type {Map<string, {of: string[], paint: (cell: HTMLElement, summary: Summary) => void}>}
 */
const COLUMNS = new Map([
  ["status", { of: ["status"], paint: paintStatus }],
  ["progress", { of: ["progress", "phase"], paint: (cell, { progress, phase }) => paintProgress(cell, progress, phase) }],
  ["last", { of: ["last_event", "waiting", "error"], paint: paintLast }],
  ["duration", { of: ["started_at", "finished_at"], paint: paintElapsed }],
]);

/**
 * @param {HTMLElement} row @param {Summary} summary
 * @param {Set<string>} fields  which of its fields changed @param {boolean} matches  whether it still matches the filter
 */
export function paintRow(row, summary, fields, matches) {
  row.dataset.status = summary.status;
  row.dataset.pinned = summary.pinned ? "yes" : "no";
  row.toggleAttribute("data-left", !matches);
  for (const [name, { of, paint }] of COLUMNS) {
    const cell = /** @type {HTMLElement|null} */ (row.querySelector(`.workflow-table__${name}`));
    if (cell && of.some((field) => fields.has(field))) paint(cell, summary);
  }
  if (fields.has("values")) paintValues(row, summary.values ?? {});
}

/** @param {HTMLElement} row @param {Record<string, unknown>} values */
function paintValues(row, values) {
  for (const cell of /** @type {NodeListOf<HTMLElement>} */ (row.querySelectorAll("td[data-key]"))) {
    if (paintValue(cell, values[cell.dataset.key ?? ""])) flash(cell);
  }
}

/** @param {HTMLElement} cell @param {Summary} summary */
function paintStatus(cell, { status }) {
  one(cell, "status-badge").dataset.status = status;
  flash(cell);
}

/** @param {HTMLElement} cell @param {Summary} summary */
function paintElapsed(cell, { started_at, finished_at }) {
  const node = one(cell, "elapsed-time");
  if (node.dataset.start !== (started_at ?? "")) node.dataset.start = started_at ?? "";
  if (node.dataset.end !== (finished_at ?? "")) node.dataset.end = finished_at ?? "";
}

/** @param {HTMLElement} cell @param {Summary} summary */
function paintLast(cell, summary) {
  if (!cell.firstElementChild) cell.replaceChildren(element("strong"));
  setText(cell.firstElementChild, lastWords(summary));
}
