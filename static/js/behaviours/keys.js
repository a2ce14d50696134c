/** Every single key, each with a visible twin: the one table of the keyboard and of its sheet. */

import { openKeySheet } from "./key_sheet.js";

/**
 * `keys`: one, or two in a row; `says`: the sheet's words, none for what it does not show; `act`: what it does, nothing where the page has no such thing;
 * `repeats`: also while it is held down.
 * @typedef {{keys: string, says: string, act: () => void, repeats?: boolean}} Key
 */

/** The digits open the saved views above the list; the sheet shows the first. @type {Key[]} */
const VIEWS = Array.from("123456789", (digit) => ({
  keys: digit,
  says: digit === "1" ? "The first saved view; 2 to 9 those after it" : "",
  act: () => click(`.saved-views [data-place="${digit}"]`),
}));

/** @type {{title: string, keys: Key[]}[]} */
export const GROUPS = [
  {
    title: "Everywhere",
    keys: [
      { keys: "?", says: "This sheet", act: () => openKeySheet(GROUPS) },
      { keys: "p", says: "Pause the page, or let it go on", act: () => click("[data-act=pause]") },
      {
        keys: "w",
        says: "Watch the row or this workflow, or no longer",
        act: () => clickIn(currentRow() ?? document.querySelector(".workflow-header"), "watch-button button"),
      },
      { keys: "g n", says: "Go to Now", act: () => go("/") },
      { keys: "g w", says: "Go to Workflows", act: () => go("/workflows/") },
      { keys: "g q", says: "Go to Queues", act: () => go("/queues/") },
      { keys: "g s", says: "Go to Schedules", act: () => go("/schedules/") },
      { keys: "g k", says: "Go to Workers", act: () => go("/workers/") },
    ],
  },
  {
    title: "List of workflows",
    keys: [
      { keys: "j", says: "Next row", act: () => step(1), repeats: true },
      { keys: "k", says: "Row before", act: () => step(-1), repeats: true },
      { keys: "Enter", says: "Open the row", act: () => {} },
      { keys: "o", says: "Peek at the row, or no longer; Escape closes", act: () => clickIn(currentRow(), "[data-act=peek]") },
      { keys: "x", says: "Select the row, or no longer", act: () => clickIn(currentRow(), "input[name=id]") },
      { keys: "*", says: "Select all on this page, or none", act: () => click("[data-act=select-page]") },
      { keys: "y", says: "Copy the id", act: () => clickIn(currentRow() ?? document, "copy-button[data-what=id] button") },
      { keys: "[", says: "Newer page", act: () => click(".pager [rel=prev]") },
      { keys: "]", says: "Older page", act: () => click(".pager [rel=next]") },
      ...VIEWS,
      { keys: "/", says: "Search", act: () => document.getElementById("filter-search")?.focus() },
      { keys: "v", says: "Choose the columns", act: () => click(".columns:not([open]) > summary") },
      { keys: "n", says: "Show what is new", act: () => click(".live-bar:not([hidden])") },
    ],
  },
  {
    title: "One workflow",
    keys: [{ keys: "l", says: "Back to live from its past", act: () => click(".scrubber__live") }],
  },
];

/** @param {string} selector */
function click(selector) {
  clickIn(document, selector);
}

/** @param {ParentNode|null} within @param {string} selector */
function clickIn(within, selector) {
  /** @type {HTMLElement|null} */ (within?.querySelector(selector) ?? null)?.click();
}

/** Only where the navigation leads, too: it knows what this person may see. @param {string} path */
function go(path) {
  if (path === "/" || document.querySelector(`.topbar a[href="${path}"]`)) location.assign(path);
}

/** The row that has the focus. */
function currentRow() {
  return document.activeElement?.closest(".workflow-table tr[data-id]") ?? null;
}

/** Focus the row after or before the current one; the first one where none is. @param {number} by */
function step(by) {
  const rows = [...document.querySelectorAll(".workflow-table tr[data-id]")];
  const current = currentRow();
  const next = current ? rows[rows.indexOf(current) + by] : rows[0];
  /** @type {HTMLElement|null|undefined} */ (next?.querySelector(".workflow-table__name a"))?.focus();
}
