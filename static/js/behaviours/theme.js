/** The button between light and dark; a cookie remembers, so that the server's next page comes in the right one. */

const YEAR_SECONDS = 31_536_000;

export function theme() {
  const button = /** @type {HTMLElement|null} */ (document.querySelector('[data-behaviour="theme"]'));
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const chosen = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = chosen;
    document.cookie = `theme=${chosen}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
  });
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
