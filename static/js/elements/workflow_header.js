/** <workflow-header>: status, sentence, progress and facts of one workflow, from the store and the clock. */

import { setText } from "../lib/dom.js";
import { sentence } from "../lib/sentences.js";
import { absolute } from "../lib/times.js";
import { LiveElement } from "./live_element.js";
import { paintProgress } from "./progress_bar.js";

const GONE = "This workflow was deleted; this is the last that was known.";

export class WorkflowHeader extends LiveElement {
  #store = null;

  /**
   * @param {{store: import("../live/workflow_store.js").WorkflowStore, clock: import("../live/clock.js").Clock}} page
   */
  follow({ store, clock }) {
    this.release();
    this.#store = store;
    const paint = () => this.#paint(clock.now());
    this.until(store.subscribe(paint));
    this.until(clock.onTick((now) => this.#paintSentence(now)));
    paint();
  }

  #paint(now) {
    const { seq, workflow, values } = this.#store.state;
    this.dataset.status = workflow.status;
    this.querySelector("status-badge").dataset.status = workflow.status;
    this.#paintSentence(now);
    paintProgress(this.querySelector(".workflow-header__progress"), values.progress?.value, values.phase?.value);
    this.#fact("worker", workflow.worker ?? "");
    this.#fact("takeovers", String(workflow.takeovers));
    this.#fact("seq", String(seq));
    this.#optional("deadline", workflow.deadline_at && absolute(workflow.deadline_at));
    this.#optional("version", workflow.version);
    this.#paintDuration(workflow);
    this.#paintStatus(workflow);
  }

  #paintSentence(now) {
    const { state, events, gone } = this.#store;
    setText(this.querySelector(".sentence"), gone ? GONE : sentence(state, now, ending(events, state.workflow.status)));
  }

  #fact(name, text) {
    setText(this.querySelector(`[data-fact="${name}"]`), text);
  }

  /** A fact that is not there until something is known of it. */
  #optional(name, text) {
    this.#fact(name, text ?? "");
    this.querySelector(`[data-fact="${name}"]`).parentElement.hidden = !text;
  }

  #paintDuration({ started_at, finished_at }) {
    const node = this.querySelector('[data-fact="duration"] elapsed-time');
    if (node.dataset.start !== (started_at ?? "")) node.dataset.start = started_at ?? "";
    if (node.dataset.end !== (finished_at ?? "")) node.dataset.end = finished_at ?? "";
  }

  #paintStatus({ definition, id, status }) {
    for (const node of this.querySelectorAll("[data-statuses]")) {
      node.hidden = !node.dataset.statuses.split(" ").includes(status);
    }
    const word = status[0].toUpperCase() + status.slice(1);
    const title = `${word} · ${definition} ${id} · Telltale`;
    if (document.title !== title) document.title = title;
  }
}

/** What the event says that ended it: a note may follow it. */
function ending(events, status) {
  return events.findLast(([, , kind]) => kind === status)?.[5];
}
