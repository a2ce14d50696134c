/** <workflow-error>: why a workflow failed, with its traceback; empty as long as it did not. */

import { element } from "../lib/dom.js";
import { errorLine } from "../lib/sentences.js";
import { LiveElement } from "./live_element.js";

export class WorkflowError extends LiveElement {
  /** @param {import("./live_element.js").WorkflowPage} page */
  follow({ store }) {
    this.release();
    this.#showEnd();
    this.until(store.subscribe(({ workflow }) => workflow && this.#paint(store.state.workflow.error)));
  }

  /** @param {import("../live/protocol.js").ErrorRecord|null} error */
  #paint(error) {
    if (!error) return this.replaceChildren();
    if (this.firstElementChild) return undefined;
    const title = element("h2", { id: "error-title" }, errorLine(error));
    const panel = element("section", { class: "error-panel", "aria-labelledby": "error-title" }, title);
    if (error.traceback) {
      const trace = element("pre", { tabindex: "0" }, error.traceback);
      panel.append(element("details", { open: "" }, element("summary", {}, "Traceback"), trace));
    }
    this.append(panel);
    return this.#showEnd();
  }

  /** The last lines of a traceback are the ones that matter. */
  #showEnd() {
    const trace = this.querySelector("pre");
    if (trace) trace.scrollTop = trace.scrollHeight;
  }
}
