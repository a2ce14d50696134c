/** <watch-list>: the workflows that somebody watches, on every page, and whether the browser may say something. */

import { element, one, setText } from "../lib/dom.js";
import { words } from "../lib/watched.js";

/** @typedef {[id: string, facts: import("../lib/watched.js").Facts]} Entry */

export class WatchList extends HTMLElement {
  /** What is shown, so that a menu under the pointer is not made anew for nothing. */
  #shown = "";

  /** @param {Entry[]} all @param {{brief: string, whole: string, ask: boolean}} notes */
  show(all, notes) {
    this.hidden = all.length === 0;
    setText(this.querySelector(".watch-list__count"), `Watching ${all.length}`);
    setText(this.querySelector(".watch-list__brief"), notes.brief && `, ${notes.brief}`);
    setText(this.querySelector(".watch-list__note"), notes.whole);
    one(this, "[data-act=allow]").hidden = !notes.ask;
    const shown = JSON.stringify(all.map(([id, facts]) => [id, facts.status, words(id, facts)]));
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#fill(all);
  }

  /** Rows that stay are kept, with the focus in them. @param {Entry[]} all */
  #fill(all) {
    const list = one(this, "ul");
    const rows = new Map([...list.children].map((row) => [row.getAttribute("data-id"), row]));
    for (const [id, row] of rows) if (!all.some(([other]) => other === id)) row.remove();
    for (const [id, facts] of all) {
      const row = rows.get(id) ?? list.appendChild(rowOf([id, facts]));
      one(row, "status-badge").dataset.status = facts.status === "gone" ? "cancelled" : facts.status;
      one(row, "a").title = words(id, facts);
    }
  }
}

/** @param {Entry} entry */
function rowOf([id, { definition = "", status, address }]) {
  const badge = element("status-badge", { "data-status": status, "data-icon-only": "" });
  const link = element("a", { href: address }, id);
  const of = { "data-id": id, "data-definition": definition, "data-status": status, "data-address": address };
  const button = element("watch-button", { ...of, "data-icon-only": "" });
  return element("li", { "data-id": id }, badge, link, button);
}
