/**
 * Single keys, each with a visible twin: `/` goes to the search field, `n` takes what the list holds back, `p` pauses the
 * page and lets it go on, `l` goes from the past of a workflow back to live.
 */

const KEYS = {
  "/": () => document.getElementById("filter-search")?.focus(),
  p: () => /** @type {HTMLElement|null} */ (document.querySelector("[data-act=pause]"))?.click(),
  n: () => document.querySelector(".live-bar:not([hidden])")?.dispatchEvent(new MouseEvent("click", { bubbles: true })),
  l: () => /** @type {HTMLElement|null} */ (document.querySelector(".scrubber__live"))?.click(),
};

export function keyboard() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isEditing(event.target)) return;
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function isEditing(target) {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
}
