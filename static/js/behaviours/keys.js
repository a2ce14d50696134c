/** Every single key, each with a visible twin: the one table of the keyboard and of its sheet. */

import { openKeySheet } from "./key_sheet.js";
import { askForVerb } from "./key_verbs.js";
import { toggleTheme } from "./theme.js";
import { cycleZone } from "./zone.js";

/**
 * `keys`: one, or two in a row; `says`: the sheet's words, none for what it does not show; `act`: what it does, nothing where the page has no such thing;
 * `repeats`: also while it is held down; `isNative`: what has the focus knows it by itself, so it is only in the sheet; `isOurs`: else the
 * browser has the key.
 * @typedef {{keys: string, says: string, act: () => void, repeats?: boolean, isNative?: boolean, isOurs?: () => boolean}} Key
 */

/** @type {Key[]} */
const EVERYWHERE = [
  { keys: "Ctrl+K", says: "Go anywhere, do anything", act: () => {}, isNative: true },
  { keys: "/", says: "Search the list, the history, or everything", act: search },
  { keys: "p", says: "Pause the page, or let it go on", act: () => click("[data-act=pause]") },
  {
    keys: "w",
    says: "Watch the row or this workflow, or no longer",
    act: () => clickIn(currentRow() ?? document.querySelector(".workflow-header"), "watch-button button"),
  },
  { keys: "t", says: "Light or dark", act: toggleTheme },
  { keys: "z", says: "Next time zone", act: cycleZone },
  { keys: "?", says: "All keys", act: () => openKeySheet(GROUPS) },
  { keys: "Escape", says: "Close what is open; else select nothing", act: clear },
];

/** @type {Key[]} */
const PLACES = [
  { keys: "g n", says: "Now", act: () => go("/") },
  { keys: "g w", says: "Workflows", act: () => go("/workflows/") },
  { keys: "g q", says: "Queues", act: () => go("/queues/") },
  { keys: "g s", says: "Schedules", act: () => go("/schedules/") },
  { keys: "g k", says: "Workers", act: () => go("/workers/") },
  { keys: "g b", says: "Bulk", act: () => go("/bulk/") },
  { keys: "g a", says: "Audit", act: () => go("/audit/") },
  { keys: "g d", says: "Definitions", act: () => go("/definitions/") },
];

/** The digits open the saved views above the list, or say how deep a family is shown. @type {Record<string, string>} */
const DIGITS = { 0: "The whole family of a workflow", 1: "The first saved view, or the first level of a family; 2 to 9 those after it" };

/** @type {Key[]} */
const VIEWS = Array.from("0123456789", (digit) => ({
  keys: digit,
  says: DIGITS[digit] ?? "",
  act: () => [`.saved-views [data-place="${digit}"]`, `[data-act=level][data-level="${digit}"]`].forEach(click),
}));

/** @type {Key[]} */
const LIST = [
  { keys: "j", says: "Next row", act: () => step(1), repeats: true },
  { keys: "k", says: "Row before", act: () => step(-1), repeats: true },
  { keys: "Enter", says: "Open the row", act: () => {}, isNative: true },
  { keys: "o", says: "Peek at the row, or no longer; Escape closes", act: () => clickIn(currentRow(), "[data-act=peek]") },
  { keys: "x", says: "Select the row, or no longer", act: () => clickIn(currentRow(), "input[name=id]") },
  { keys: "Shift+x", says: "Select from the row ticked before to this one", act: selectRange },
  { keys: "*", says: "Select all on this page, or none", act: () => click("[data-act=select-page]") },
  { keys: "y", says: "Copy the id", act: () => clickIn(currentRow() ?? document, "copy-button[data-what=id] button") },
  { keys: "[", says: "Newer page", act: () => click(".pager [rel=prev]") },
  { keys: "]", says: "Older page", act: () => click(".pager [rel=next]") },
  ...VIEWS,
  { keys: "g", says: "Children under their parents, or all by time; g g at once", act: () => click("[data-behaviour=grouping]") },
  { keys: "v", says: "Choose the columns", act: () => click(".columns:not([open]) > summary") },
  { keys: "n", says: "Show what is new", act: () => click(".live-bar:not([hidden])") },
];

/** @type {Key[]} */
const VERBS = [
  { keys: "c", says: "Cancel the selected ones, else the row, or this workflow; it asks first", act: () => askForVerb("cancel", currentRow()) },
  { keys: "r", says: "Resume them, likewise", act: () => askForVerb("resume", currentRow()) },
  { keys: "e", says: "Export what the page is about as a file", act: () => click("main a[download]") },
];

/** @type {Key[]} */
const WORKFLOW = [
  { keys: "←", says: "Event before", act: () => click(".scrubber [data-step='-1']"), repeats: true, isOurs: hasPast },
  { keys: "→", says: "Event after", act: () => click(".scrubber [data-step='1']"), repeats: true, isOurs: hasPast },
  { keys: "Shift+←", says: "To the failure, retry or act before", act: () => click(".scrubber [data-mark='-1']"), isOurs: hasPast },
  { keys: "Shift+→", says: "To the next one", act: () => click(".scrubber [data-mark='1']"), isOurs: hasPast },
  { keys: "Space", says: "Play, on the slider or once you are in the past", act: () => click(".scrubber [data-play]"), isOurs: isInPast },
  { keys: "l", says: "Back to live from its past", act: () => ["[data-act=follow][data-released]", ".scrubber__live"].forEach(click) },
  { keys: "f", says: "Let the timeline follow, or show all of it", act: () => click("[data-act=follow]") },
  { keys: "h", says: "The history over the whole width, or no longer", act: () => click("[data-act=wide]") },
  { keys: ":", says: "Go to an event by its number", act: () => document.getElementById("history-jump")?.focus() },
  { keys: "d", says: "What was replaced: show it in the history, or not", act: () => click("[data-act=diff]") },
  { keys: "s", says: "Share this moment: copy its link", act: () => click(".scrubber__share button") },
  { keys: "u", says: "Up to the workflow that started this one, or the row of the list", act: up },
];

/** @type {{title: string, keys: Key[]}[]} */
export const GROUPS = [
  { title: "Everywhere", keys: EVERYWHERE },
  { title: "Go to", keys: PLACES },
  { title: "Lists, and the history of a workflow", keys: LIST },
  { title: "Verbs", keys: VERBS },
  { title: "One workflow", keys: WORKFLOW },
];

/** What can be done on every page, for the palette. @returns {import("../lib/palette.js").Line[]} */
export function everywhere() {
  return ["p", "t", "z", "?"].map((key) => {
    const { says, act } = /** @type {Key} */ (EVERYWHERE.find(({ keys }) => keys === key));
    return { kind: "Everywhere", text: says, note: key, act };
  });
}

/** Where the list or the history has its field; what finds everything, on other pages. */
function search() {
  const field = document.getElementById("filter-search") ?? document.getElementById("history-find");
  if (field) field.focus();
  else click('[data-behaviour="palette"]');
}

/** Menus close themselves; nothing else happens while one is open. */
function clear() {
  if (!document.querySelector("details:is(.menu, .confirm)[open], .sheet:popover-open")) click(".selection-bar:not([hidden]) [data-act=clear]");
}

/** @param {string} selector */
function click(selector) {
  clickIn(document, selector);
}

/** @param {ParentNode|null} within @param {string} selector */
function clickIn(within, selector) {
  /** @type {HTMLElement|null} */ (within?.querySelector(selector) ?? null)?.click();
}

/** The box of the row, as with the pointer while Shift is held. */
function selectRange() {
  const box = currentRow()?.querySelector("input[name=id]");
  box?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: true }));
}

/** Elsewhere the arrows scroll. */
function hasPast() {
  return document.querySelector(".scrubber") !== null;
}

/** Elsewhere the space bar scrolls, and it presses the button that has the focus. */
function isInPast() {
  return document.documentElement.hasAttribute("data-moment") && document.activeElement === document.body;
}

/** Only where the navigation leads, too: it knows what this person may see. @param {string} path */
function go(path) {
  if (path === "/" || document.querySelector(`.topbar a[href="${path}"]`)) location.assign(path);
}

/** What has the focus when a row has it. */
const HANDLES = ".workflow-table__name > a, .history__open, .overview__name a, .need__words a";

/** The row that has the focus. */
function currentRow() {
  return document.activeElement?.closest(".workflow-table tr[data-id], .history__row") ?? null;
}

/** Where the parent of a row stands above it, the row of that one. */
function up() {
  click(".facts a[data-parent]");
  const branch = currentRow()?.querySelector(".workflow-table__branch");
  branch?.querySelector("a")?.click();
  const parent = CSS.escape(branch?.getAttribute("data-parent") ?? "");
  /** @type {HTMLElement|null} */ (document.querySelector(`tr[data-id="${parent}"] .workflow-table__name > a`))?.focus();
}

/** Focus the row after or before the current one; the first one where none is. @param {number} by */
function step(by) {
  /** @type {NodeListOf<HTMLElement>} */
  const found = document.querySelectorAll(HANDLES);
  const handles = [...found];
  const row = document.activeElement?.closest("tr, li");
  const current = row ? handles.findIndex((handle) => row.contains(handle)) : -1;
  handles[current < 0 ? 0 : current + by]?.focus();
}
