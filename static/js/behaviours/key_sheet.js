/** The sheet of all keys, and whether they are on; a setting of this browser. */

import { element } from "../lib/dom.js";

const OFF = "keys-off";
const IS_APPLE = /^(Mac|iP)/.test(globalThis.navigator?.platform ?? "");

/** What the key is called here. @param {string} key */
export function keyCap(key) {
  return IS_APPLE ? key.replace("Ctrl+", "⌘") : key;
}

/** Whether single keys do something. */
export function keysAreOn() {
  return localStorage.getItem(OFF) === null;
}

/** @typedef {{title: string, keys: {keys: string, says: string}[]}} Group */

/** Show what every key does. @param {Group[]} groups */
export function openKeySheet(groups) {
  if (document.querySelector("dialog[open]")) return;
  const close = element("button", { type: "button", class: "button", autofocus: "" }, "Close");
  const dialog = element(
    "dialog",
    { class: "key-sheet", "aria-labelledby": "key-sheet-title" },
    element("div", { class: "key-sheet__head" }, element("h2", { id: "key-sheet-title" }, "Keyboard"), close),
    element("div", { class: "key-sheet__groups" }, ...groups.map(groupOf)),
    theSwitch(),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** @param {Group} group */
function groupOf({ title, keys }) {
  const rows = keys.filter(({ says }) => says).map(({ keys: pressed, says }) => {
    const caps = pressed.split(" ").map((key) => element("kbd", {}, keyCap(key)));
    return element("div", {}, element("dt", {}, ...caps), element("dd", {}, says));
  });
  return element("section", {}, element("h3", {}, title), element("dl", {}, ...rows));
}

function theSwitch() {
  const box = element("input", { type: "checkbox" });
  box.checked = keysAreOn();
  box.addEventListener("change", () => (box.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "yes")));
  return element("label", { class: "key-sheet__switch" }, box, "Single keys are on in this browser");
}
