/** What a row of the history shows when it is opened: the whole event as it is stored, or the values it stands for. */

import { element } from "../lib/dom.js";

/**
 * Open a row, or close it again.
 * @param {HTMLElement} row
 * @param {() => Promise<HTMLElement[]>} [updates]  the rows that it stands for
 */
export async function toggleDetails(row, updates) {
  const shown = row.querySelector(".history__whole");
  const link = /** @type {HTMLAnchorElement} */ (row.querySelector(".history__open"));
  link.setAttribute("aria-expanded", String(!shown));
  if (shown) return shown.remove();
  const box = element("div", { class: "history__whole" }, element("p", { class: "muted" }, "Reading…"));
  row.append(box);
  try {
    box.replaceChildren(...(updates ? [listOf(await updates())] : await whole(row, link.href)));
  } catch {
    box.replaceChildren(element("p", { class: "muted" }, "It could not be read. Close and open the row to try again."));
  }
}

/** The JSON is the database's own text, so no digit is lost. @param {HTMLElement} row @param {string} address */
async function whole(row, address) {
  const { seq } = row.dataset;
  const answer = await fetch(address, { redirect: "error", cache: "no-store" });
  if (!answer.ok) throw new Error(`event ${seq}: ${answer.status}`);
  const text = await answer.text();
  const link = /** @type {HTMLAnchorElement} */ (row.querySelector(".history__seq")).href;
  const tools = element(
    "p",
    { class: "history__copies" },
    element("copy-button", { "data-value": text, "data-what": "JSON" }),
    element("copy-button", { "data-value": link, "data-what": `link to event ${seq}`, "data-icon": "link" }),
  );
  return [tools, element("pre", { class: "json", tabindex: "0" }, text)];
}

/** @param {HTMLElement[]} rows */
function listOf(rows) {
  return element("ol", { class: "history__updates" }, ...rows);
}
