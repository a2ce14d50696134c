/** <workflow-header>: status, sentence, progress and facts of one workflow, from the store and the clock. */

import { one, setText } from "../lib/dom.js";
import { sentence } from "../lib/sentences.js";
import { absolute } from "../lib/times.js";
import { setTitle } from "../lib/title.js";
import { grouped } from "../lib/values.js";
import { LiveElement } from "./live_element.js";
import { paintProgress } from "./progress_bar.js";

const GONE = "This workflow was deleted; this is the last that was known.";

/** @typedef {import("../live/protocol.js").Workflow} Workflow */

export class WorkflowHeader extends LiveElement {
  /** @type {import("../live/moment_store.js").MomentStore} */
  #store;

  /** @param {import("./live_element.js").WorkflowPage} page */
  follow({ store, clock }) {
    this.release();
    this.#store = store;
    const paint = () => this.#paint(clock.now());
    this.until(store.subscribe(paint));
    this.until(clock.onTick((now) => this.#paintSentence(now)));
    paint();
  }

  /** @param {number} now */
  #paint(now) {
    const { seq, workflow, values } = this.#store.state;
    this.dataset.status = workflow.status;
    one(this, "status-badge").dataset.status = workflow.status;
    this.#paintSentence(now);
    paintProgress(one(this, ".workflow-header__progress"), values.progress?.value, values.phase?.value);
    this.#fact("worker", workflow.worker ?? "");
    this.#fact("takeovers", String(workflow.takeovers));
    this.#fact("seq", grouped(seq));
    this.#optional("deadline", workflow.deadline_at && absolute(workflow.deadline_at));
    this.#optional("version", workflow.version);
    this.#paintDuration(workflow);
    this.#paintStatus(workflow);
  }

  /** @param {number} now */
  #paintSentence(now) {
    const { state, events, gone } = this.#store;
    setText(this.querySelector(".sentence"), gone ? GONE : sentence(state, now, ending(events, state.workflow.status)));
  }

  /** @param {string} name @param {string} text */
  #fact(name, text) {
    setText(this.querySelector(`[data-fact="${name}"]`), text);
  }

  /** A fact that is not there until something is known of it. @param {string} name @param {string|null} text */
  #optional(name, text) {
    this.#fact(name, text ?? "");
    one(this, `[data-fact="${name}"]`).parentElement?.toggleAttribute("hidden", !text);
  }

  /** @param {Workflow} workflow */
  #paintDuration({ started_at, finished_at }) {
    const node = one(this, '[data-fact="duration"] elapsed-time');
    if (node.dataset.start !== (started_at ?? "")) node.dataset.start = started_at ?? "";
    if (node.dataset.end !== (finished_at ?? "")) node.dataset.end = finished_at ?? "";
  }

  /** @param {Workflow} workflow */
  #paintStatus({ definition, id, status }) {
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-statuses]"))) {
      node.hidden = !node.dataset.statuses?.split(" ").includes(status);
    }
    const word = status[0].toUpperCase() + status.slice(1);
    const title = `${word} · ${definition} ${id} · Telltale`;
    setTitle(title);
  }
}

/**
 * What the event says that ended it: a note may follow it.
 * @param {import("../live/protocol.js").WireEvent[]} events @param {string} status
 */
function ending(events, status) {
  return events.findLast(([, , kind]) => kind === status)?.[5];
}
