/** Menus and confirmations are `<details>`: one open at a time; Escape, a click elsewhere or their button close. */

const MENUS = "details.menu, details.confirm";

export function menus() {
  document.addEventListener("click", (event) => closeAll(/** @type {Element} */ (event.target)));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeAll(null);
  });
}

/** Close what does not contain the target. @param {Element|null} target */
function closeAll(target) {
  const asked = target?.closest('[data-behaviour="close"]');
  for (const menu of document.querySelectorAll(`:is(${MENUS})[open]`)) {
    if (!asked && menu.contains(target)) continue;
    const focused = menu.contains(document.activeElement);
    menu.removeAttribute("open");
    if (focused) menu.querySelector("summary")?.focus();
  }
}
