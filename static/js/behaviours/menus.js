/**
 * Menus and confirmations are `<details>`: one open at a time; Escape, a click elsewhere or their button close. Sheets are popovers,
 * which do that by themselves; but the focus must not get behind one, nor be lost with it.
 */

const MENUS = "details.menu, details.confirm";

export function menus() {
  document.addEventListener("click", (event) => closeAll(/** @type {Element} */ (event.target)));
  const asked = /** @type {HTMLElement|null} */ (document.querySelector(".sheet details[open]"));
  if (asked) openSheetOf(asked); // by the address
  document.addEventListener("focusin", ({ target }) => leaveSheet(/** @type {Node} */ (target)));
  document.addEventListener("toggle", ({ target }) => returnFocus(/** @type {Element} */ (target)), { capture: true });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    closeAll(null);
    openSheet()?.hidePopover();
  });
}

/** The sheet that is open, if one is. */
const openSheet = () => /** @type {HTMLElement|null} */ (document.querySelector(".sheet:popover-open"));

/** @param {Node} focused */
function leaveSheet(focused) {
  const sheet = openSheet();
  if (sheet && !sheet.contains(focused)) sheet.hidePopover();
}

/** What had the focus may be gone, or a touch beside the sheet closed it. @param {Element} sheet */
function returnFocus(sheet) {
  if (!sheet.matches(".sheet:not(:popover-open)") || document.activeElement !== document.body) return;
  /** @type {HTMLElement|null} */ (opener(sheet))?.focus();
}

/** Show the sheet that holds an action, where sheets are. @param {HTMLElement} action */
export function openSheetOf(action) {
  const sheet = /** @type {HTMLElement|null} */ (action.closest(".sheet"));
  if (sheet && !sheet.checkVisibility() && opener(sheet)?.checkVisibility()) sheet.showPopover();
}

/** The button of a sheet; where there are no sheets, it is not seen. @param {Element} sheet */
export const opener = (sheet) => document.querySelector(`.sheet__open[popovertarget="${sheet.id}"]`);

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
