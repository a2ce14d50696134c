/** <workflow-outlook>: what one workflow has left, why that is believed, and whether it is silent for longer than usual. */

import { one, setText } from "../lib/dom.js";
import { silence, timeLeft, usualFrom } from "../lib/outlook.js";
import { LiveElement } from "./live_element.js";

export class WorkflowOutlook extends LiveElement {
  /** @type {import("../live/moment_store.js").MomentStore} */
  #store;
  /** @type {import("../lib/outlook.js").Usual|null} */
  #usual = null;
  /** @type {number|null} */
  #silence = null;

  /** @param {import("./live_element.js").WorkflowPage} page */
  follow({ store, clock }) {
    this.release();
    this.#store = store;
    this.#usual = usualFrom(this.dataset.usual);
    this.#silence = this.dataset.silence ? Number(this.dataset.silence) : null;
    this.until(store.subscribe(() => this.#paint(clock.now())));
    this.until(clock.onTick((now) => this.#paint(now)));
    this.#paint(clock.now());
  }

  /** @param {number} now */
  #paint(now) {
    const { state, gone } = this.#store;
    const left = gone ? null : timeLeft(state.workflow, this.#usual, now, state.values.progress?.value);
    const line = this.#line("left", left !== null);
    line.toggleAttribute("data-overdue", left?.overdue ?? false);
    setText(line.querySelector(".outlook__words"), left?.words ?? "");
    setText(line.querySelector(".outlook__why"), left?.why ?? "");
    const quiet = gone ? "" : silence(state.workflow, this.#silence, now);
    setText(this.#line("silence", quiet !== "").querySelector("span"), quiet);
  }

  /** @param {string} name @param {boolean} shown */
  #line(name, shown) {
    const line = one(this, `.outlook__${name}`);
    line.hidden = !shown;
    return line;
  }
}
