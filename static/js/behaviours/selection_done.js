/** A page that says what became of the selection: nothing is selected any more. */

import { KEPT } from "../lib/selection.js";

export function selectionDone() {
  if (!document.querySelector('[data-behaviour="selection-done"]')) return;
  for (const name of Object.keys(sessionStorage).filter((each) => each.startsWith(KEPT))) sessionStorage.removeItem(name);
}
