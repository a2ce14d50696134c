/** The title of the tab: what the page says of itself, and before it what somebody watches. */

let own = "";
let before = "";

/** What the page is about. @param {string} text */
export function setTitle(text) {
  own = text;
  write();
}

/** What goes before it; "" for nothing. @param {string} text */
export function putBeforeTitle(text) {
  own ||= document.title;
  before = text;
  write();
}

function write() {
  const title = before ? `${before} · ${own}` : own;
  if (document.title !== title) document.title = title;
}
