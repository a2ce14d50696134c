/** Patches one row of the list: the cells whose fields changed, in whichever columns the reader chose. */

import { element, flash, setText } from "../lib/dom.js";
import { lastWords } from "../lib/rows.js";
import { paintProgress } from "./progress_bar.js";
import { paintValue } from "./value_cell.js";

/** The columns that move, by their class: the fields that move them, and how each is painted. */
const COLUMNS = new Map([
  ["status", { of: ["status"], paint: paintStatus }],
  ["progress", { of: ["progress", "phase"], paint: (cell, { progress, phase }) => paintProgress(cell, progress, phase) }],
  ["last", { of: ["last_event", "waiting", "error"], paint: paintLast }],
  ["duration", { of: ["started_at", "finished_at"], paint: paintElapsed }],
]);

/**
 * @param {HTMLElement} row @param {import("../live/list_store.js").Summary} summary
 * @param {Set<string>} fields  which of its fields changed @param {boolean} matches  whether it still matches the filter
 */
export function paintRow(row, summary, fields, matches) {
  row.dataset.status = summary.status;
  row.dataset.pinned = summary.pinned ? "yes" : "no";
  row.toggleAttribute("data-left", !matches);
  for (const [name, { of, paint }] of COLUMNS) {
    const cell = row.querySelector(`.workflow-table__${name}`);
    if (cell && of.some((field) => fields.has(field))) paint(cell, summary);
  }
  if (fields.has("values")) paintValues(row, summary.values ?? {});
}

function paintValues(row, values) {
  for (const cell of row.querySelectorAll("td[data-key]")) {
    if (paintValue(cell, values[cell.dataset.key])) flash(cell);
  }
}

function paintStatus(cell, { status }) {
  cell.querySelector("status-badge").dataset.status = status;
  flash(cell);
}

function paintElapsed(cell, { started_at, finished_at }) {
  const node = cell.firstElementChild;
  if (node.dataset.start !== (started_at ?? "")) node.dataset.start = started_at ?? "";
  if (node.dataset.end !== (finished_at ?? "")) node.dataset.end = finished_at ?? "";
}

function paintLast(cell, summary) {
  if (!cell.firstElementChild) cell.replaceChildren(element("strong"));
  setText(cell.firstElementChild, lastWords(summary));
}
