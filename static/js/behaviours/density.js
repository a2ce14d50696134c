/** How high rows are; a cookie remembers, so that the server's next page comes as high. */

import { keep } from "../lib/cookies.js";

export function density() {
  const select = /** @type {HTMLSelectElement|null} */ (document.querySelector('[data-behaviour="density"]'));
  if (!select) return;
  select.closest("label")?.removeAttribute("hidden");
  select.addEventListener("change", () => {
    document.documentElement.dataset.density = select.value;
    keep("density", select.value);
  });
}
