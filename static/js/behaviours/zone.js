/**
 * The zone of all times on the page: UTC, the browser's, a named one, or a schedule's own on its page. The server writes
 * most of them, so the page is read again; not while somebody types in it or has paused it.
 */

import { keep, kept } from "../lib/cookies.js";
import { element } from "../lib/dom.js";

const COOKIE = "zone";
const SCHEDULE = "schedule:";
const BROWSER = "browser:";
/** The last zone that was chosen by its name: it stays at hand. */
const NAMED = "zone-named";
/** What had the focus before the page was read again. */
const FOCUSED = "zone-focus";
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";
const TYPED = "main :is(textarea, input:not([type=checkbox], [type=radio], [type=range], [type=search], [type=hidden]))";

export function zone() {
  const select = /** @type {HTMLSelectElement|null} */ (document.querySelector('[data-behaviour="zone"]'));
  if (!select) return;
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const { chosen = "UTC" } = select.dataset;
  if (chosen === "browser" && !kept(COOKIE).endsWith(`${BROWSER}${own}`)) return choose(select, "browser", own);
  offer(select, chosen, own);
  select.addEventListener("focus", () => offerEvery(select), { once: true });
  select.addEventListener("pointerdown", () => offerEvery(select), { once: true });
  select.addEventListener("change", () => choose(select, select.value, own));
  select.disabled = false;
  returnFocus();
}

/** The next of the choices at hand. */
export function cycleZone() {
  const select = /** @type {HTMLSelectElement|null} */ (document.querySelector('[data-behaviour="zone"]'));
  if (!select || select.disabled) return;
  const near = [...select.querySelectorAll(":scope > option")].map((option) => /** @type {HTMLOptionElement} */ (option));
  select.value = near[(near.findIndex(({ selected }) => selected) + 1) % near.length].value;
  select.dispatchEvent(new Event("change"));
}

/** @param {HTMLSelectElement} select @param {string} chosen @param {string} own */
function offer(select, chosen, own) {
  const named = isName(chosen) ? chosen : localStorage.getItem(NAMED);
  if (isName(chosen)) localStorage.setItem(NAMED, chosen);
  const choices = [["UTC", "UTC"], ["browser", `This browser: ${own}`]];
  if (select.dataset.schedule) choices.push(["schedule", `This schedule: ${select.dataset.schedule}`]);
  if (named) choices.push([named, named]);
  const applied = select.options[0].text;
  select.replaceChildren(
    ...choices.map(([value, words]) => element("option", { value }, value === chosen ? applied : words)),
  );
  select.value = chosen;
}

/** @param {string} chosen */
const isName = (chosen) => !["UTC", "browser", "schedule"].includes(chosen);

/** All that this browser knows; only when somebody looks. @param {HTMLSelectElement} select */
function offerEvery(select) {
  if (select.querySelector("optgroup")) return;
  const names = Intl.supportedValuesOf("timeZone").filter((name) => name !== "UTC");
  select.append(element("optgroup", { label: "Every zone" }, ...names.map((value) => element("option", { value }, value))));
}

/** @param {HTMLSelectElement} select @param {string} choice @param {string} own */
function choose(select, choice, own) {
  keep(COOKIE, cookieOf(select, choice, own));
  if (!mayReload(select)) return say("The times change with the next page.");
  const all = [...document.querySelectorAll(FOCUSABLE)];
  sessionStorage.setItem(FOCUSED, String(all.indexOf(/** @type {Element} */ (document.activeElement))));
  location.reload();
}

/**
 * Elsewhere nobody takes back what was chosen for the pages of schedules.
 * @param {HTMLSelectElement} select @param {string} choice @param {string} own
 */
function cookieOf(select, choice, own) {
  const [before, isOwn] = [kept(COOKIE).replace(SCHEDULE, "") || "UTC", kept(COOKIE).startsWith(SCHEDULE)];
  if (choice === "schedule") return SCHEDULE + before;
  return (isOwn && !select.dataset.schedule ? SCHEDULE : "") + (choice === "browser" ? BROWSER + own : choice);
}

/** Not where that would send a form again, lose what was typed, or end a pause. @param {HTMLSelectElement} select */
function mayReload(select) {
  const isTyping = [...document.querySelectorAll(TYPED)].some((field) => {
    const { value, defaultValue } = /** @type {HTMLInputElement|HTMLTextAreaElement} */ (field);
    return value !== defaultValue;
  });
  return !("posted" in select.dataset) && !isTyping && document.documentElement.dataset.connection !== "paused";
}

/** @param {string} words */
function say(words) {
  /** @type {import("../elements/live_receipt.js").LiveReceipt|null} */ (document.querySelector("live-receipt"))?.say(words);
}

function returnFocus() {
  const place = Number(sessionStorage.getItem(FOCUSED) ?? -1);
  sessionStorage.removeItem(FOCUSED);
  if (place >= 0) /** @type {HTMLElement|undefined} */ (document.querySelectorAll(FOCUSABLE)[place])?.focus();
}
