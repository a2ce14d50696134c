/** Verbs by key: for what is selected in a list, else for one row, or for the workflow that the page is about. They ask first. */

import { openSheetOf } from "./menus.js";

/** @param {string} name  of the verb @param {Element|null} row  that has the focus */
export function askForVerb(name, row) {
  const bar = /** @type {HTMLElement|null} */ (document.querySelector(".selection-bar"));
  if (bar) askInList(bar, name, row);
  else if (document.querySelector(".workflow-header")) askOnPage(name);
}

/** @param {HTMLElement} bar @param {string} name @param {Element|null} row */
function askInList(bar, name, row) {
  if (bar.hidden) /** @type {HTMLElement|null} */ (row?.querySelector("input[name=id]") ?? null)?.click();
  if (bar.hidden) return say("Nothing is selected: j and k lead to a row, x selects it.");
  const button = /** @type {HTMLElement|null} */ (bar.querySelector(`button[data-verb="${name}"]`));
  if (button && !button.hidden) return button.click();
  return say(button ? `None of the selected can be ${DONE[name]}.` : "Your account may not do that.");
}

/** @type {Record<string, string>} */
const DONE = { cancel: "cancelled", resume: "resumed" };

/** Opens its form where the words of a reason go; or says why there is none. @param {string} name */
function askOnPage(name) {
  const verb = /** @type {HTMLDetailsElement|null} */ (document.querySelector(`details[data-verb="${name}"]`));
  if (!verb) return say("Your account may not do that.");
  if (verb.closest("[inert]")) return say("Nobody acts on the past: l goes back to live.");
  if (verb.hidden) return say(document.querySelector(`.verb__why[data-verb="${name}"]`)?.textContent ?? "");
  openSheetOf(verb);
  if (!verb.open) verb.querySelector("summary")?.click();
  return /** @type {HTMLElement|null} */ (verb.querySelector("[name=reason]"))?.focus();
}

/** @param {string} words */
function say(words) {
  /** @type {import("../elements/live_receipt.js").LiveReceipt|null} */ (document.querySelector("live-receipt"))?.say(words);
}
