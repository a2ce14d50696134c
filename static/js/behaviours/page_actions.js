/** What one can do and where one can go on the page at hand: its visible buttons, the links of its head and of the account menu. */

import { openSheetOf, opener } from "./menus.js";

const ACTIONS = "main :is(button, summary.button, a.button, summary.verb__name)";
/** Rows repeat these, and forms that nobody has opened have their own; their names say nothing by themselves. */
const NOT_ALONE = "copy-button, .workflow-table tbody, .history__rows, dialog, [inert], [hidden], details:not([open]) > form";

/** @returns {import("../lib/palette.js").Line[]} */
export function pages() {
  return [...document.querySelectorAll(".topbar__link, .topbar .menu__body a")].map((link) => {
    const { href, textContent } = /** @type {HTMLAnchorElement} */ (link);
    return { kind: "Pages", text: textContent ?? "", address: href };
  });
}

/** @returns {import("../lib/palette.js").Line[]} */
export function actions() {
  const lines = new Map();
  /** @type {NodeListOf<HTMLElement>} */
  const buttons = document.querySelectorAll(ACTIONS);
  for (const button of buttons) {
    const text = isAvailable(button) ? nameOf(button) : "";
    if (text && !lines.has(text)) lines.set(text, { kind: "On this page", text, act: () => press(button) });
  }
  return [...lines.values()];
}

/** Seen, or in a menu that can be opened. @param {HTMLElement & {disabled?: boolean}} button */
function isAvailable(button) {
  if (button.disabled || button.closest(NOT_ALONE)) return false;
  const sheet = button.closest(".sheet");
  return [button, closedMenu(button)?.querySelector("summary"), sheet && opener(sheet)].some((shown) => shown?.checkVisibility());
}

/** The menu that hides it; its own, if it is a summary, does not. @param {Element} button @returns {Element|null} */
function closedMenu(button) {
  const holder = button.localName === "summary" ? button.parentElement?.parentElement : button;
  return holder?.closest("details:is(.menu, .confirm):not([open])") ?? null;
}

/** @param {Element} button */
function nameOf(button) {
  const copy = /** @type {Element} */ (button.cloneNode(true));
  for (const aside of copy.querySelectorAll("kbd, svg")) aside.remove();
  return (button.getAttribute("aria-label") ?? copy.textContent ?? "").replace(/\s+/g, " ").trim();
}

/** @param {HTMLElement} button */
function press(button) {
  openSheetOf(button);
  closedMenu(button)?.setAttribute("open", "");
  button.focus();
  button.click();
}
