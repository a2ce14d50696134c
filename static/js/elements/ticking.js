/** Elements whose text depends on the time. One clock and one tick for all of them, however many the page has. */

/** @type {import("../live/clock.js").Clock|null} */
let clock = null;
/** @type {Set<TickingElement>} */
const elements = new Set();

/** Let every ticking element follow this clock, now and later. @param {import("../live/clock.js").Clock} newClock */
export function tickWith(newClock) {
  clock = newClock;
  clock.onTick((now) => {
    for (const one of elements) one.tick(now);
  });
}

export class TickingElement extends HTMLElement {
  connectedCallback() {
    elements.add(this);
    this.refresh();
  }

  disconnectedCallback() {
    elements.delete(this);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.refresh();
  }

  /** Show the present; without a clock the server's text stands. */
  refresh() {
    if (clock) this.tick(clock.now());
  }

  /** @param {number} _now server time in ms */
  tick(_now) {}
}
