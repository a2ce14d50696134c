/** <workflow-output>: what a workflow returned, once it has. The server shows it, because it knows every digit. */

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
    const file = this.dataset.file ?? "";
    const download = element("a", { class: "button button--quiet", href: file, download: "" }, "Download");
    this.append(
      element("div", { class: "panel__head" }, element("h2", {}, "Output"), download),
      element("json-viewer", { "data-src": `${file}&view=tree` }),
    );
  }
}
