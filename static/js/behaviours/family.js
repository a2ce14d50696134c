/** How many levels of a workflow's family are shown: kept where the server's next answer does not overwrite it. */

export function family() {
  document.addEventListener("click", ({ target }) => {
    const button = /** @type {HTMLElement|null} */ (/** @type {Element} */ (target).closest("[data-act=level]"));
    const panels = /** @type {HTMLElement|null} */ (button?.closest(".relatives-panels") ?? null);
    if (panels) panels.dataset.depth = button?.dataset.level;
  });
}
