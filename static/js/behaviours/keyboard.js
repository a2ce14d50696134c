/** Single keys, as `keys.js` lists them: never while somebody edits, holds a modifier, or has a dialog open. */

import { KeyPresses, SECOND_KEY_MS, keyName } from "../lib/key_presses.js";
import { keysAreOn, openKeySheet } from "./key_sheet.js";
import { GROUPS } from "./keys.js";

/** Fields into which nobody writes. */
const UNWRITTEN = new Set(["checkbox", "radio", "button", "submit", "range"]);

export function keyboard() {
  const presses = new KeyPresses(GROUPS.flatMap(({ keys }) => keys).filter(({ isNative }) => !isNative));
  let waiting = 0;
  document.addEventListener("keydown", (event) => {
    clearTimeout(waiting);
    if (isHeld(event) || !areHeard(event.target)) return;
    if (event.key === "Shift") return; // held for the key that comes
    const meant = presses.press(keyName(event), event.timeStamp);
    const { alone } = presses;
    if (alone && !event.repeat) waiting = setTimeout(() => areHeard(document.activeElement) && alone.act(), SECOND_KEY_MS);
    if (!meant || (event.repeat && !meant.repeats) || meant.isOurs?.() === false) return;
    event.preventDefault();
    meant.act();
  });
  const button = /** @type {HTMLElement|null} */ (document.querySelector('[data-behaviour="keys"]'));
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => openKeySheet(GROUPS));
}

/** Meant for something else: a modifier is held, text is composed, or what has the focus knew the key. @param {KeyboardEvent} event */
function isHeld({ ctrlKey, metaKey, altKey, isComposing, defaultPrevented }) {
  return ctrlKey || metaKey || altKey || isComposing || defaultPrevented;
}

/** Whether single keys mean something now. @param {EventTarget|null} target  which has the focus */
const areHeard = (target) => keysAreOn() && !isEditing(target) && !document.querySelector("dialog[open]");

/** Where keys are text. @param {EventTarget|null} target */
function isEditing(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !UNWRITTEN.has(target.type);
  return target.closest("textarea, select, [contenteditable]") !== null;
}
