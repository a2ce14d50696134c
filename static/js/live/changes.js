/**
 * Who hears of a store's changes, and when: before the next paint, whatever came since as one change. A slow page so
 * paints less often and never falls behind. Without a `schedule` they hear at once. Touches no document.
 *
 * @template Change, Store
 */
export class Changes {
  /** @type {Set<(change: Change, store: Store) => void>} */
  #listeners = new Set();
  #merge;
  #schedule;
  /** What nobody heard of yet. @type {Change|null} */
  #waiting = null;

  /**
   * @param {(earlier: Change, later: Change) => Change} merge  two changes as one
   * @param {(act: () => void) => void} [schedule]
   */
  constructor(merge, schedule = (act) => act()) {
    this.#merge = merge;
    this.#schedule = schedule;
  }

  /** @param {(change: Change, store: Store) => void} listener @returns {() => void} stops it */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param {Change} change @param {Store} store */
  tell(change, store) {
    if (this.#waiting !== null) {
      this.#waiting = this.#merge(this.#waiting, change);
      return;
    }
    this.#waiting = change;
    this.#schedule(() => {
      const all = /** @type {Change} */ (this.#waiting);
      this.#waiting = null;
      for (const listener of [...this.#listeners]) listener(all, store);
    });
  }
}
