/** <watch-list>: the workflows that somebody watches, on every page, and whether the browser may say something. */

import { element, setText } from "../lib/dom.js";
import { words } from "../lib/watched.js";

export class WatchList extends HTMLElement {
  /** What is shown, so that a menu under the pointer is not made anew for nothing. */
  #shown = "";

  /** @param {[string, import("../lib/watched.js").Facts][]} all @param {{brief: string, whole: string, ask: boolean}} notes */
  show(all, notes) {
    this.hidden = all.length === 0;
    setText(this.querySelector(".watch-list__count"), `Watching ${all.length}`);
    setText(this.querySelector(".watch-list__brief"), notes.brief && `, ${notes.brief}`);
    setText(this.querySelector(".watch-list__note"), notes.whole);
    /** @type {HTMLElement} */ (this.querySelector("[data-act=allow]")).hidden = !notes.ask;
    const shown = JSON.stringify(all.map(([id, facts]) => [id, facts.status, words(id, facts)]));
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#fill(all);
  }

  /** Rows that stay are kept, with the focus in them. */
  #fill(all) {
    const list = /** @type {HTMLElement} */ (this.querySelector("ul"));
    const rows = new Map([...list.children].map((row) => [/** @type {HTMLElement} */ (row).dataset.id, row]));
    for (const [id, row] of rows) if (!all.some(([other]) => other === id)) row.remove();
    for (const [id, facts] of all) {
      const row = rows.get(id) ?? list.appendChild(rowOf(id, facts));
      const { status } = facts;
      row.querySelector("status-badge").dataset.status = status === "gone" ? "cancelled" : status;
      const link = row.querySelector("a");
      const said = words(id, facts);
      if (link.title !== said) link.title = said;
    }
  }
}

function rowOf(id, { definition = "", status, address }) {
  const badge = element("status-badge", { "data-status": status, "data-icon-only": "" });
  const link = element("a", { href: address }, id);
  const of = { "data-id": id, "data-definition": definition, "data-status": status, "data-address": address };
  const button = element("watch-button", { ...of, "data-icon-only": "" });
  return element("li", { "data-id": id }, badge, link, button);
}
