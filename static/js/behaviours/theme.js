/** Between light and dark; a cookie remembers, so that the server's next page comes in the right one. */

import { keep } from "../lib/cookies.js";

export function theme() {
  const button = /** @type {HTMLElement|null} */ (document.querySelector('[data-behaviour="theme"]'));
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", toggleTheme);
}

export function toggleTheme() {
  const chosen = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = chosen;
  keep("theme", chosen);
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
