/** The list's filters act as soon as they are changed; the address says what is shown. */

import { mayBeTerm } from "../lib/completion.js";
import { one } from "../lib/dom.js";

const TYPING_MS = 350;
const TYPING = "typing-into-the-search";

export function filters() {
  const form = /** @type {HTMLFormElement|null} */ (document.querySelector('[data-behaviour="filters"]'));
  if (!form) return;
  let typing = 0;
  const submit = () => location.assign(addressOf(form));
  form.addEventListener("change", (event) => isSearch(event) || submit());
  form.addEventListener("input", (event) => {
    if (!isSearch(event)) return;
    clearTimeout(typing);
    if (searchOf(form).value.split(/\s+/).some(mayBeTerm)) return; // half a term means nothing yet: Enter says when
    typing = setTimeout(() => {
      sessionStorage.setItem(TYPING, "yes");
      submit();
    }, TYPING_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    submit();
  });
  form.querySelector("button[type=submit]")?.remove();
  keepTyping(form);
}

/** Typing is followed letter by letter; its change event comes too late to be of use. @param {Event} event */
function isSearch({ target }) {
  return target instanceof HTMLInputElement && target.type === "search";
}

/** Without the fields that filter nothing. @param {HTMLFormElement} form */
function addressOf(form) {
  const filled = [...new FormData(form)].filter(([, value]) => value !== "");
  const filters = filled.filter(([name]) => name !== "all"); // a word for no filter at all
  const pairs = filters.length > 0 ? filters : filled;
  const query = new URLSearchParams(/** @type {[string, string][]} */ (pairs)).toString();
  return query ? `${form.action}?${query}` : form.action;
}

/** @param {HTMLFormElement} form */
const searchOf = (form) => one(form, "[name=q]", HTMLInputElement);

/** A page that came from typing into the search field goes on with it. @param {HTMLFormElement} form */
function keepTyping(form) {
  if (!sessionStorage.getItem(TYPING)) return;
  sessionStorage.removeItem(TYPING);
  const search = searchOf(form);
  search.focus();
  search.setSelectionRange(search.value.length, search.value.length);
}
