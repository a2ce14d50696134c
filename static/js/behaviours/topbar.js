const FADE = 24; // px, at its end

/** Where the navigation is wider than the window, it begins so that the page one is on is seen. */

export function topbar() {
  const nav = document.querySelector(".topbar__nav");
  const current = nav?.querySelector("[aria-current]");
  if (!nav || !current) return;
  const beyond = current.getBoundingClientRect().right - nav.getBoundingClientRect().right;
  if (nav.scrollWidth > nav.clientWidth && beyond > -FADE) nav.scrollLeft += beyond + FADE;
}
