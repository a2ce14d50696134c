/** What custom elements that follow a store have in common: whatever is started is stopped when the element leaves. */

/**
 * What `main.js` hands to every element that has a `follow`; the elements of a workflow's page are on no other.
 * @typedef {{live: import("../live/live.js").Live, clock: import("../live/clock.js").Clock}} Page
 * @typedef {Page & {store: import("../live/moment_store.js").MomentStore}} WorkflowPage
 */

export class LiveElement extends HTMLElement {
  /** @type {(() => void)[]} */
  #stops = [];

  /** Remember how to stop something. @param {() => void} stop */
  until(stop) {
    this.#stops.push(stop);
  }

  /** Stop everything that was started. */
  release() {
    for (const stop of this.#stops.splice(0)) stop();
  }

  disconnectedCallback() {
    this.release();
  }
}
