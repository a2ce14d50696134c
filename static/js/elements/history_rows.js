/** The rows of the history in their box: paints what the window has, and lets it move along while somebody scrolls. */

import { grouped } from "../lib/history.js";
import { HistoryScroll } from "./history_scroll.js";

/** A scrollbar that is being dragged passes many places. */
const SETTLED_MS = 120;

/** @typedef {import("../lib/history.js").HistoryRow} HistoryRow @typedef {import("../live/history_window.js").Row} Row */

export class HistoryRows {
  #box;
  #list;
  #window;
  #scroll;
  #paint;
  #tell;
  #settling = 0;
  #isLooking = false;

  /**
   * @param {HTMLElement} box @param {HTMLElement} list  in it
   * @param {import("../live/history_window.js").HistoryWindow} view  of the rows that are there already
   * @param {{paint: (row: HistoryRow) => HTMLElement, tell: (trouble?: string) => void}} how  `tell` hears of every change
   */
  constructor(box, list, view, { paint, tell }) {
    this.#box = box;
    this.#list = list;
    this.#window = view;
    this.#paint = paint;
    this.#tell = tell;
    this.#scroll = new HistoryScroll(box, list);
  }

  /** Go to where the reader begins. @param {boolean} isNewestFirst @param {boolean} isAtEnd */
  begin(isNewestFirst, isAtEnd) {
    this.#scroll.isNewestFirst = isNewestFirst;
    this.#scroll.layOut(this.#window);
    const first = /** @type {HTMLElement|null} */ (this.#list.firstElementChild);
    if (!isAtEnd && first) this.#scroll.to(first);
    return this.look();
  }

  stop() {
    clearTimeout(this.#settling);
  }

  /**
   * Whether new rows may come in: at the live end, while nobody selects a text, stands on a row or has opened one. What
   * is being looked at must not move.
   */
  get isCalm() {
    const selection = document.getSelection();
    const selects = selection && !selection.isCollapsed && this.#box.contains(selection.anchorNode);
    const stands = this.#list.contains(document.activeElement) || this.#list.querySelector(".history__whole");
    return !selects && !stands && this.#window.isAtEnd && this.#scroll.isAtLiveEdge;
  }

  /** Everything anew, at the live end. @param {{rows: HistoryRow[], first: number, last: number, newest: number}} part */
  show(part) {
    this.#window.show(part);
    this.#repaint();
    this.#scroll.toLiveEdge();
    return this.look();
  }

  /** What came at the live end. @param {HistoryRow[]} rows @param {number} newest @param {boolean} isGrouped */
  append(rows, newest, isGrouped) {
    const added = isGrouped ? this.#joined(rows) : rows;
    const dropped = this.#window.append(added, newest);
    this.#put(added, dropped, "newer");
    this.#scroll.layOut(this.#window);
    if (!this.#scroll.isNewestFirst) this.#scroll.toLiveEdge();
    this.#tell();
  }

  /** The first of the rows may belong to the last one that is shown. @param {HistoryRow[]} rows */
  #joined(rows) {
    const last = this.#window.rows.at(-1);
    if (!isRead(last)) return grouped(rows);
    const [first, ...others] = grouped([last, ...rows]);
    if (first === last) return others;
    this.#window.rows[this.#window.rows.length - 1] = first;
    this.#node(last)?.replaceWith(this.#paint(first));
    return others;
  }

  /**
   * Go to an event.
   * @param {number} seq @param {"top"|"middle"|"live"} where  the row of it, or the live end, is then
   * @returns {Promise<HTMLElement|null>} that row
   */
  async jump(seq, where = "top") {
    try {
      if ((await this.#window.jump(seq)) === null) return null;
      this.#repaint();
      const row = this.#node(this.#window.rows[this.#window.placeOf(seq)]);
      if (where === "live") this.#scroll.toLiveEdge();
      else if (row) this.#scroll.to(row, where === "middle" ? 0.4 : 0);
      this.look();
      return row;
    } catch {
      this.#tell("This part could not be read. Scroll to try again.");
      return null;
    }
  }

  /** Read what the reader is about to see. */
  async look() {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      for (let isMore = true; isMore; ) isMore = await this.#readWanted();
    } catch {
      this.#tell("This part could not be read. Scroll to try again.");
    } finally {
      this.#isLooking = false;
    }
  }

  /** @returns {Promise<boolean>} whether there may be more to read */
  async #readWanted() {
    clearTimeout(this.#settling);
    const wanted = this.#scroll.wanted(this.#window);
    if (wanted && "seq" in wanted) this.#settling = setTimeout(() => this.jump(wanted.seq), SETTLED_MS);
    if (!wanted || "seq" in wanted) return false;
    const change = await this.#window.extend(wanted.direction);
    if (change === null) return false;
    this.#scroll.keep(() => {
      this.#put(change.added, change.dropped, wanted.direction);
      this.#scroll.layOut(this.#window);
    });
    this.#tell();
    return true;
  }

  #repaint() {
    this.#list.replaceChildren();
    this.#put(this.#window.rows.filter(isRead), [], "newer");
    this.#scroll.layOut(this.#window);
    this.#tell();
  }

  /**
   * Nodes of rows that came at one end of the window; away with those that left it at the other.
   * @param {HistoryRow[]} added @param {Row[]} dropped @param {"older"|"newer"} direction
   */
  #put(added, dropped, direction) {
    /** @type {Set<Row>} */
    const gone = new Set(dropped);
    for (const row of dropped) this.#node(row)?.remove();
    const nodes = added.filter((row) => !gone.has(row)).map((row) => this.#paint(row));
    const isOnTop = (direction === "newer") === this.#scroll.isNewestFirst;
    if (this.#scroll.isNewestFirst) nodes.reverse();
    if (isOnTop) this.#list.prepend(...nodes);
    else this.#list.append(...nodes);
  }

  /** @param {{seq: number}|undefined} row @returns {HTMLElement|null} */
  #node(row) {
    return row ? this.#list.querySelector(`#event-${row.seq}`) : null;
  }
}

/** The rows that the server wrote are known by their seq only. @param {Row|undefined} row @returns {row is HistoryRow} */
function isRead(row) {
  return row !== undefined && "kind" in row;
}
