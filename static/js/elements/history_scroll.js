/**
 * Where the rows of a window stand in the scrolled box. What is not there is kept free above and below, so that the
 * scrollbar speaks of the whole history; while rows come and go, the one that is being read stays where it is.
 */

/** Nearer than this to an end of the rows, more are read. */
const NEAR_PX = 600;
/** Browsers draw no box of any height. */
const MOST_PX = 8_000_000;
const EDGE_PX = 8;

/** @typedef {import("../live/history_window.js").HistoryWindow} HistoryWindow */

export class HistoryScroll {
  isNewestFirst = true;
  #box;
  #list;
  #above;
  #below;
  #perEvent = 0;

  /** @param {HTMLElement} box @param {HTMLElement} list */
  constructor(box, list) {
    this.#box = box;
    this.#list = list;
    this.#above = /** @type {HTMLElement} */ (list.previousElementSibling);
    this.#below = /** @type {HTMLElement} */ (list.nextElementSibling);
  }

  /** Keep free what the window does not have. @param {HistoryWindow} view */
  layOut({ rows, first, last, newest, isAtStart }) {
    const covered = last - first + 1;
    this.#perEvent = covered > 0 ? Math.min((this.#rowPx * rows.length) / covered, MOST_PX / newest) : 0;
    const [newer, older] = [(newest - last) * this.#perEvent, isAtStart ? 0 : (first - 1) * this.#perEvent];
    this.#above.style.setProperty("--space", `${this.isNewestFirst ? newer : older}px`);
    this.#below.style.setProperty("--space", `${this.isNewestFirst ? older : newer}px`);
  }

  /** Change the rows; the topmost one in sight stays in its place. @param {() => void} change */
  keep(change) {
    const { scrollTop } = this.#box;
    const anchor = this.#rows.find((row) => row.offsetTop + row.offsetHeight > scrollTop);
    const before = anchor?.offsetTop ?? 0;
    change();
    if (anchor?.isConnected && anchor.offsetTop !== before) this.#box.scrollTop = scrollTop + anchor.offsetTop - before;
  }

  /** Whether new events appear in sight, at the end where they belong. */
  get isAtLiveEdge() {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    return this.isNewestFirst ? scrollTop < EDGE_PX : scrollHeight - scrollTop - clientHeight < EDGE_PX;
  }

  toLiveEdge() {
    this.#box.scrollTop = this.isNewestFirst ? 0 : this.#box.scrollHeight;
  }

  /** @param {HTMLElement} row @param {number} [share]  of the box that is to be above the row */
  to(row, share = 0) {
    this.#box.scrollTop = row.offsetTop - share * this.#box.clientHeight;
  }

  /**
   * What the reader is about to see that is not there: more at an end of the rows, or the surroundings of an event far
   * away from them.
   * @param {HistoryWindow} view
   * @returns {{direction: "older"|"newer"}|{seq: number}|null}
   */
  wanted({ first, last, isAtStart, isAtEnd }) {
    const { scrollTop, clientHeight } = this.#box;
    const [top, bottom] = [this.#list.offsetTop, this.#list.offsetTop + this.#list.offsetHeight];
    /** @type {["newer", "older"]|["older", "newer"]} */
    const [up, down] = this.isNewestFirst ? ["newer", "older"] : ["older", "newer"];
    const isOver = { newer: isAtEnd, older: isAtStart };
    const away = Math.max(top - scrollTop - clientHeight, scrollTop - bottom);
    if (away > 0 && this.#perEvent > 0) {
      const events = Math.round((scrollTop < top ? top - scrollTop : scrollTop - bottom) / this.#perEvent);
      return { seq: (scrollTop < top ? up : down) === "newer" ? last + events : first - events };
    }
    if (scrollTop < top + NEAR_PX && !isOver[up]) return { direction: up };
    if (scrollTop + clientHeight > bottom - NEAR_PX && !isOver[down]) return { direction: down };
    return null;
  }

  get #rows() {
    return /** @type {HTMLElement[]} */ ([...this.#list.children]);
  }

  /** The height of a row that is not opened. */
  get #rowPx() {
    return this.#rows.find((row) => !row.querySelector(".history__whole"))?.offsetHeight ?? 28;
  }
}
