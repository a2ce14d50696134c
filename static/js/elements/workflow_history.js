/**
 * <workflow-history>: the events of a workflow, however many. New ones appear while the reader is at the live end;
 * otherwise they wait behind a pill and nothing moves.
 */

import { one, setText } from "../lib/dom.js";
import { grouped, isChosen } from "../lib/history.js";
import { HistoryTeller } from "../live/history_teller.js";
import { HistoryWindow } from "../live/history_window.js";
import { toggleDetails } from "./history_details.js";
import { paintRow } from "./history_row.js";
import { HistoryRows } from "./history_rows.js";
import { HistoryTools } from "./history_tools.js";
import { LiveElement } from "./live_element.js";

const MOST_WAITING = 1_000;
/** Beside the list there is room for the last few only. */
const NO_TOOLS = { isNewestFirst: true, choice: { kind: "", key: "", find: "", group: "" } };

/** @typedef {import("../live/protocol.js").WireEvent} WireEvent @typedef {import("../lib/history.js").HistoryRow} HistoryRow */

export class WorkflowHistory extends LiveElement {
  #teller = new HistoryTeller();
  /** What came and is not let in; `#count` counts also what was too much to keep. @type {HistoryRow[]} */
  #waiting = [];
  #count = 0;
  /** @type {import("../live/moment_store.js").MomentStore} */
  #store;
  /** @type {HistoryWindow} */
  #window;
  /** @type {HistoryRows} */
  #rows;
  /** @type {Pick<HistoryTools, "choice"|"isNewestFirst">} */
  #tools;

  /** @param {import("./live_element.js").WorkflowPage} page */
  follow({ store }) {
    this.release();
    this.#store = store;
    const listening = new AbortController();
    const { signal } = listening;
    this.until(() => listening.abort());
    this.#teller.follow(store.state);
    const [box, list] = [this.#part("scroll"), this.#part("rows")];
    const most = Number(this.dataset.most) || undefined;
    this.#window = new HistoryWindow((place) => this.#read(place, signal), adopted(list, this.dataset, store.state.seq), most);
    this.#rows = new HistoryRows(box, list, this.#window, { paint: (row) => this.#paint(row), tell: (words) => this.#say(words) });
    this.#tools = most ? NO_TOOLS : new HistoryTools(this, { choose: () => this.#restart(), turn: () => this.#begin(), jump: (seq) => this.#go(seq) }, signal);
    this.until(() => this.#rows.stop());
    this.until(store.subscribe((change) => this.#changed(change)));
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true, signal });
    this.#part("pill").addEventListener("click", () => this.#toLive(), { signal });
    list.addEventListener("click", (event) => this.#clicked(event), { signal });
    list.addEventListener("focusout", () => setTimeout(() => this.#settled()), { signal });
    this.#begin();
  }

  #begin() {
    const { isNewestFirst, choice } = this.#tools;
    this.#rows.begin(isNewestFirst, this.#window.isAtEnd);
    if (!isNewestFirst || choice.group) this.#restart();
  }

  /** From the end of the history that is on top, as chosen now. */
  #restart() {
    return this.#tools.isNewestFirst ? this.#toLive() : this.#rows.jump(1);
  }

  #toLive() {
    [this.#waiting, this.#count] = [[], 0];
    this.#window.newest = this.#store.state.seq;
    return this.#rows.jump(this.#window.newest, "live");
  }

  /** @param {import("../live/fold.js").Change} change */
  #changed({ kind, events }) {
    if (kind === "snapshot") return this.#replace(events);
    if (kind !== "events") return undefined;
    const rows = this.#present(events);
    this.#count += rows.length;
    this.#waiting.push(...rows);
    if (this.#waiting.length > MOST_WAITING) this.#waiting = this.#waiting.slice(-MOST_WAITING);
    return this.#settled();
  }

  /** Another moment, or a reset: what was here may be another history. @param {WireEvent[]} events */
  #replace(events) {
    const { state } = this.#store;
    [this.#waiting, this.#count] = [[], 0];
    this.#teller.forget();
    const known = withoutHoles(events, state.seq);
    const rows = this.#present(known);
    this.#teller.follow(state);
    const first = known[0]?.[0] ?? state.seq + 1;
    const shown = this.#tools.choice.group ? grouped(rows) : rows;
    return this.#rows.show({ rows: shown, first, last: state.seq, newest: state.seq });
  }

  /** Those of the events that are chosen, as rows; of the others it knows the value. @param {WireEvent[]} events */
  #present(events) {
    const { choice } = this.#tools;
    return events.flatMap((event) => {
      const row = this.#teller.row(event);
      return isChosen(event, choice) ? [row] : [];
    });
  }

  #scrolled() {
    if (!this.#settled()) this.#rows.look();
  }

  /** Let in what waits, if that disturbs nobody. @returns {boolean} whether it did */
  #settled() {
    if (!this.#rows.isCalm || this.#count === 0) {
      this.#say();
      return false;
    }
    const [fresh, isWhole] = [this.#waiting, this.#count === this.#waiting.length];
    [this.#waiting, this.#count] = [[], 0];
    if (isWhole) this.#rows.append(fresh, this.#store.state.seq, this.#tools.choice.group !== "");
    else this.#toLive();
    return true;
  }

  /** @param {import("../live/history_window.js").Place} place @param {AbortSignal} signal */
  async #read(place, signal) {
    const query = new URLSearchParams(this.#tools.choice);
    for (const [name, seq] of Object.entries(place)) query.set(name, String(seq));
    const answer = await fetch(`${this.dataset.parts}?${query}`, { redirect: "error", cache: "no-store", signal });
    if (!answer.ok) throw new Error(`the history could not be read: ${answer.status}`);
    return answer.json();
  }

  /** @param {HistoryRow} row */
  #paint(row) {
    const { events = "", page = "" } = this.dataset;
    return paintRow(row, { event: events.replace(/0$/, String(row.seq)), moment: `${page}?seq=${row.seq}` });
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const asked = /** @type {Element} */ (event.target).closest("a.history__seq, a.history__open");
    const [link, row] = [/** @type {HTMLAnchorElement|null} */ (asked), /** @type {HTMLElement|null} */ (asked?.closest("li"))];
    if (!link || !row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const [first, seq] = [Number(row.dataset.first), Number(row.dataset.seq)];
    if (link.matches(".history__seq")) this.#store.view(seq).catch(() => location.assign(link.href));
    else toggleDetails(row, first < seq ? () => this.#updates(first, seq) : undefined);
  }

  /** The latest of the values that a row stands for. @param {number} first @param {number} seq */
  async #updates(first, seq) {
    const address = `${this.dataset.parts}?${new URLSearchParams({ ...this.#tools.choice, group: "", before: String(seq + 1) })}`;
    const answer = await fetch(address, { redirect: "error", cache: "no-store" });
    const { rows } = /** @type {import("../live/history_window.js").Part} */ (await answer.json());
    const nodes = rows.filter((row) => row.seq >= first).reverse().map((row) => this.#paint(row));
    for (const node of nodes) node.removeAttribute("id"); // the last one's is that of the row that stands for them
    return nodes;
  }

  /** @param {number} seq */
  async #go(seq) {
    const row = await this.#rows.jump(seq, "middle");
    if (row) one(row, ".history__open").focus();
  }

  #say(trouble = "") {
    const [count, view] = [this.#count, this.#window];
    this.#part("pill").hidden = count === 0;
    const words = `${count > MOST_WAITING ? `more than ${MOST_WAITING}` : count} new event${count === 1 ? "" : "s"}`;
    if (count) setText(this.#part("pill").firstElementChild, words);
    const { kind, key, find } = this.#tools.choice;
    const looked = (kind || key || find) && !view.isAtStart ? `, looked back to event ${view.first.toLocaleString("en")}` : "";
    const { most } = this.dataset;
    const order = most ? `the last ${most}, newest first` : this.#tools.isNewestFirst ? "newest first" : "oldest first";
    setText(this.#part("note"), trouble || `${order}${looked}`);
    this.#part("empty").hidden = view.rows.length > 0;
  }

  /** @param {string} name */
  #part(name) {
    return one(this, `.history__${name}`);
  }
}

/** The rows that the server wrote. @param {HTMLElement} list @param {DOMStringMap} part @param {number} newest */
function adopted(list, { first, last }, newest) {
  const nodes = [...list.children].map((node) => /** @type {HTMLElement} */ (node));
  const rows = nodes.map(({ dataset }) => ({ seq: Number(dataset.seq), first: Number(dataset.first) }));
  return { rows: rows.reverse(), first: Number(first), last: Number(last), newest };
}

/** The last of the events, as far as none is missing between them and `seq`. @param {WireEvent[]} events @param {number} seq */
function withoutHoles(events, seq) {
  const place = events.findLastIndex(([its], index) => its !== seq - (events.length - 1 - index));
  return events.slice(place + 1);
}
