/**
 * <status-counts definition>: how many workflows there are of each status, of one definition or of all, in the nodes that
 * say `data-count="status"`. Numbers only; what they are about the server has rendered.
 */

import { setText } from "../lib/dom.js";
import { OverviewStore } from "../live/overview_store.js";
import { LiveElement } from "./live_element.js";

const NUMBERS = new Intl.NumberFormat("en");

export class StatusCounts extends LiveElement {
  /** @param {{live: import("../live/live.js").Live}} page */
  follow({ live }) {
    this.release();
    const store = new OverviewStore("counters");
    this.until(store.subscribe(() => this.#paint(store)));
    this.until(live.follow(store));
  }

  /** @param {OverviewStore} store */
  #paint({ cells, gone }) {
    const definition = this.getAttribute("definition");
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-count]"))) {
      const status = node.dataset.count ?? "";
      const number = numberOf(cells, status, definition);
      setText(node, gone ? "" : NUMBERS.format(number));
      node.toggleAttribute("data-none", number === 0);
    }
  }
}

/**
 * Of all definitions, of one, or of those whose names begin so: "import*".
 * @param {OverviewStore["cells"]} cells @param {string} status @param {string|null} definition
 */
function numberOf(cells, status, definition) {
  if (!definition?.endsWith("*")) return Number(cells.get(definition ? `${status} ${definition}` : status) ?? 0);
  const beginning = `${status} ${definition.slice(0, -1)}`;
  return [...cells].reduce((sum, [name, count]) => (name.startsWith(beginning) ? sum + Number(count) : sum), 0);
}
