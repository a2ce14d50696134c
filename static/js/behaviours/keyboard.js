/** Single keys, as `keys.js` lists them: never while somebody edits, holds a modifier, or has a dialog open. */

import { KeyPresses } from "../lib/key_presses.js";
import { keysAreOn, openKeySheet } from "./key_sheet.js";
import { GROUPS } from "./keys.js";

/** Fields into which nobody writes. */
const UNWRITTEN = new Set(["checkbox", "radio", "button", "submit", "range"]);

export function keyboard() {
  const presses = new KeyPresses(GROUPS.flatMap(({ keys }) => keys).filter(({ isNative }) => !isNative));
  document.addEventListener("keydown", (event) => {
    if (!keysAreOn() || isHeld(event) || isEditing(event.target) || document.querySelector("dialog[open]")) return;
    const meant = presses.press(event.key, event.timeStamp);
    if (!meant || (event.repeat && !meant.repeats)) return;
    event.preventDefault();
    meant.act();
  });
  const button = /** @type {HTMLElement|null} */ (document.querySelector('[data-behaviour="keys"]'));
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => openKeySheet(GROUPS));
}

/** @param {KeyboardEvent} event */
function isHeld({ ctrlKey, metaKey, altKey, isComposing }) {
  return ctrlKey || metaKey || altKey || isComposing;
}

/** Where keys are text. @param {EventTarget|null} target */
function isEditing(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !UNWRITTEN.has(target.type);
  return target.closest("textarea, select, [contenteditable]") !== null;
}
