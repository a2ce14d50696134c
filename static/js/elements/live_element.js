/** What custom elements that follow a store have in common: whatever is started is stopped when the element leaves. */

export class LiveElement extends HTMLElement {
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
