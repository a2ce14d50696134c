/**
 * Which rows of a long history a page shows: a window of at most MOST rows that covers the history from one seq to
 * another without a hole, and moves along it. Pure but for `read`, which asks for a part of the history.
 *
 *   const view = new HistoryWindow(read, { rows, first: 801, last: 1000, newest: 1000 });
 *   view.append(rows, 1004);              // at the live end
 *   await view.extend("older");           // {added, dropped}; null: nothing is there, or an answer came too late
 *   await view.jump(500);                 // everything anew, around event 500
 */

/** Rows of one part; `dashboard/views/pages.py` answers with as many. */
export const PART = 200;
const MOST = 500;

/** @typedef {import("../lib/history.js").HistoryRow} HistoryRow */
/** @typedef {{before?: number, after?: number, until: number}} Place */
/** @typedef {{first: number, last: number, rows: HistoryRow[]}} Part  all that was chosen from `first` to `last` */
/** A row that was read, or one that the server wrote. @typedef {{seq: number, first: number}} Row */

export class HistoryWindow {
  #read;
  /** Ascending. @type {Row[]} */
  rows = [];
  first = 1;
  last = 0;
  /** Where the history ends for this reader. */
  newest = 0;
  /** Whoever asked before the last change of everything gets no answer. */
  #turn = 0;
  #asking = false;
  #most;
  /** Nothing is read but what comes. */
  #isShort;

  /**
   * @param {(place: Place) => Promise<Part>} read
   * @param {{rows: Row[], first: number, last: number, newest: number}} start
   * @param {number} [most]  rows, where only the last few are wanted
   */
  constructor(read, start, most) {
    this.#read = read;
    this.#most = most ?? MOST;
    this.#isShort = most !== undefined;
    this.show(start);
  }

  /** Everything anew. @param {{rows: Row[], first: number, last: number, newest?: number}} part */
  show({ rows, first, last, newest = this.newest }) {
    this.#turn += 1;
    this.#asking = false;
    this.rows = rows.slice(-this.#most);
    this.first = first;
    this.last = last;
    this.newest = newest;
  }

  get isAtStart() {
    return this.#isShort || this.first <= 1;
  }

  get isAtEnd() {
    return this.last >= this.newest;
  }

  /** What came at the live end. @param {Row[]} rows @param {number} newest @returns {Row[]} what had to go */
  append(rows, newest) {
    this.last = this.newest = newest;
    return this.#added(rows, "newer");
  }

  /**
   * Read what adjoins.
   * @param {"older"|"newer"} direction
   * @returns {Promise<{added: HistoryRow[], dropped: Row[]}|null>}
   */
  async extend(direction) {
    const isOver = direction === "older" ? this.isAtStart : this.isAtEnd;
    if (isOver || this.#asking) return null;
    const turn = this.#turn;
    this.#asking = true;
    try {
      const place = direction === "older" ? { before: this.first } : { after: this.last };
      const { first, last, rows } = await this.#read({ ...place, until: this.newest });
      if (turn !== this.#turn) return null;
      if (direction === "older") this.first = Math.min(first, this.first - 1);
      else this.last = Math.max(last, this.last + 1);
      return { added: rows, dropped: this.#added(rows, direction) };
    } finally {
      if (turn === this.#turn) this.#asking = false;
    }
  }

  /**
   * Read what is around an event, in the middle of which it is then.
   * @param {number} seq
   * @returns {Promise<HistoryRow[]|null>} what is shown now, ascending; null: somebody wanted something else meanwhile
   */
  async jump(seq) {
    const turn = (this.#turn += 1);
    this.#asking = true;
    const before = Math.min(this.newest + 1, Math.max(1, seq) + PART / 2);
    try {
      const { first, last, rows } = await this.#read({ before, until: this.newest });
      if (turn !== this.#turn) return null;
      this.show({ rows, first, last });
      return rows;
    } finally {
      if (turn === this.#turn) this.#asking = false;
    }
  }

  /** The place of the row that shows an event, or the nearest one after it. @param {number} seq */
  placeOf(seq) {
    const place = this.rows.findIndex((row) => row.seq >= seq);
    return place < 0 ? this.rows.length - 1 : place;
  }

  /** @param {Row[]} rows @param {"older"|"newer"} direction @returns {Row[]} what had to go */
  #added(rows, direction) {
    const tooMany = Math.max(0, this.rows.length + rows.length - this.#most);
    if (direction === "older") {
      this.rows.unshift(...rows);
      const dropped = this.rows.splice(this.rows.length - tooMany);
      if (dropped.length) this.last = dropped[0].first - 1;
      return dropped;
    }
    this.rows.push(...rows);
    const dropped = this.rows.splice(0, tooMany);
    if (dropped.length) this.first = dropped[dropped.length - 1].seq + 1;
    return dropped;
  }
}
