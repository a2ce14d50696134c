/** After a loss or a pause: gathers the server's receipts until everything followed is complete. Pure. */

/** @typedef {import("./subscriptions.js").Receipt} Receipt @typedef {import("./subscriptions.js").Outcome} Outcome */
/**
 * @typedef {{cause: "loss"|"pause", away: number, replayed: number, topics: number}} CaughtUp
 *   `away` in ms; `topics` counts the workflows that a receipt speaks of: none on a page that only follows a list
 */

export class CatchUp {
  /** @type {{cause: "loss"|"pause", away: number, receipts: Receipt[]}|null} */
  #open = null;

  /** @param {"loss"|"pause"} cause @param {number} away  for how many ms nothing was taken */
  begin(cause, away) {
    this.#open = { cause, away, receipts: [] };
  }

  /** It was interrupted; the next one begins anew. */
  cancel() {
    this.#open = null;
  }

  /**
   * @param {Outcome} outcome @param {() => boolean} isSettled  whether everything followed is complete
   * @returns {CaughtUp|null} once, at the end
   */
  take({ receipt, current, resync }, isSettled) {
    if (this.#open === null) return null;
    if (resync) this.cancel(); // that something had to be rebuilt is the news; nobody may read "no gap"
    if (!receipt && !current) return null;
    if (receipt) this.#open?.receipts.push(receipt);
    if (this.#open === null || !isSettled()) return null;
    const { cause, away, receipts } = this.#open;
    this.#open = null;
    return { cause, away, replayed: receipts.reduce((sum, one) => sum + one.replayed, 0), topics: receipts.length };
  }
}
