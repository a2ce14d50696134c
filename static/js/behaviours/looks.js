/** How the list looks is in its address, so that it can be passed on and kept; how high rows are is of every page. */

import { keep } from "../lib/cookies.js";

export function looks() {
  const select = /** @type {HTMLSelectElement|null} */ (document.querySelector('[data-behaviour="density"]'));
  select?.closest("label")?.removeAttribute("hidden");
  select?.addEventListener("change", () => chosen(select.value));
  const link = /** @type {HTMLAnchorElement|null} */ (document.querySelector('[data-behaviour="grouping"]'));
  link?.addEventListener("click", () => (link.href = asShown(link.href)));
}

/** A cookie remembers, so that the server's next page comes as high. @param {string} density */
function chosen(density) {
  keep("density", density);
  document.documentElement.dataset.density = density;
  if (!document.querySelector("workflow-list")) return;
  const address = new URL(location.href);
  address.searchParams.set("density", density);
  location.replace(address);
}

/** The place in the list and the workflow that is peeked at, as they are by now. @param {string} href */
function asShown(href) {
  const here = new URL(location.href).searchParams;
  const address = new URL(href);
  for (const name of ["before", "after", "peek"]) {
    const value = here.get(name);
    if (value === null) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  return address.href;
}
