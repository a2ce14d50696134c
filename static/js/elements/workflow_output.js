/** <workflow-output>: what a workflow returned, once it has. A large result is not in its event; the page has it. */

import { element } from "../lib/dom.js";
import { LiveElement } from "./live_element.js";

export class WorkflowOutput extends LiveElement {
  /** @param {import("./live_element.js").WorkflowPage} page */
  follow({ store }) {
    this.release();
    this.until(store.subscribe(({ events }) => this.#changed(events.at(-1))));
  }

  /** @param {import("../live/protocol.js").WireEvent|undefined} last */
  #changed(last) {
    if (last?.[2] !== "succeeded" || this.firstElementChild) return;
    const { output, output_bytes } = last[5];
    const body =
      output_bytes === undefined
        ? element("pre", { class: "json", tabindex: "0" }, JSON.stringify(output, null, 2))
        : element("p", { class: "panel__empty" }, link(`Show all ${output_bytes} bytes`));
    this.append(element("div", { class: "panel__head" }, element("h2", {}, "Output")), body);
  }
}

/** @param {string} words */
function link(words) {
  return element("a", { href: "?whole=1" }, words);
}
