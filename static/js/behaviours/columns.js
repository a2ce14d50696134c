/** The form that chooses the list's columns: moves them, and offers the keys that were published. */

import { element, one } from "../lib/dom.js";

export function columns() {
  const form = /** @type {HTMLFormElement|null} */ (document.querySelector('[data-behaviour="columns"]'));
  if (!form) return;
  for (const moves of form.querySelectorAll(".columns__move")) moves.removeAttribute("hidden");
  form.addEventListener("click", ({ target }) => move(/** @type {Element} */ (target).closest("[data-move]")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.assign(addressOf(form));
  });
  const menu = /** @type {HTMLDetailsElement} */ (form.closest("details"));
  menu.addEventListener("toggle", () => menu.open && opened(form));
}

/** One place up or down; the focus stays on the button. @param {HTMLElement|null} button */
function move(button) {
  const one = button?.closest("li");
  if (!button || !one) return;
  if (button.dataset.move === "1") one.nextElementSibling?.after(one);
  else one.previousElementSibling?.before(one);
  button.focus();
}

/** @param {HTMLFormElement} form */
function opened(form) {
  one(form, "input[type=checkbox]:not(:disabled)").focus();
  offerKeys(form).catch(() => {}); // without the offer, keys can be typed
}

/** @param {HTMLFormElement} form */
async function offerKeys(form) {
  const list = one(form, "datalist");
  if (list.children.length > 0) return;
  const answer = await fetch(form.dataset.keys ?? "", { redirect: "error" });
  const { keys } = /** @type {{keys: string[]}} */ (await answer.json());
  list.replaceChildren(...keys.map((key) => element("option", { value: key })));
}

/** All columns as one word of the address, as the server would write it. @param {HTMLFormElement} form */
function addressOf(form) {
  const pairs = new URLSearchParams();
  const words = [];
  for (const [name, value] of new FormData(form)) {
    if (name === "columns") words.push(value);
    else if (value !== "") pairs.append(name, String(value));
  }
  pairs.append("columns", words.join(","));
  return `${form.action}?${String(pairs).replaceAll("%2C", ",").replaceAll("%3A", ":")}`;
}
