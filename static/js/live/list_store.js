/**
 * The list of workflows as the browser knows it: the visible rows, patched in place, and what is held back. Pure.
 * Never sorts, inserts or removes: a row that stops matching stays (`matches` says so), a row that starts matching is
 * counted in `pending` until the page takes it by reading the list again.
 *
 *   const store = new ListStore(rows, {filter, since});   // Summary JSON of the page, its filter, the time it was read
 *   store.rows.get(id)                                    // Summary; store.matches(id): still matches the filter?
 *   store.pending                                         // {count, byStatus: {failed: 3, …}, more, left}
 *   const stop = store.subscribe((change, store) => …);   // {rows: Map(id -> Set of changed fields), pending: boolean}
 *   live.follow(store);
 *
 * `pending.more` means "at least": the server stopped listing them one by one. `pending.left` counts visible rows that
 * no longer match. After taking the update, make a new ListStore and follow that one; it replaces the subscription.
 */

import { meets } from "../lib/terms.js";
import { compact } from "../lib/values.js";
import { Changes } from "./changes.js";
import { LIST_TOPIC, SERVER } from "./protocol.js";

/** @typedef {import("./protocol.js").ListFilter} ListFilter */
/** @typedef {import("./protocol.js").Summary} Summary */
/** @typedef {{rows: Map<string, Set<string>>, pending: boolean}} ListChange */

export class ListStore {
  /** @type {Map<string, Summary>} */
  rows;
  topic = LIST_TOPIC;
  /** How many events have happened to the rows so far, of which the server sends the newest state only. */
  moved = 0;
  /** Whether nobody looks: then rows are not followed, only what is new is counted. */
  dozes = false;
  /** @type {Changes<ListChange, ListStore>} */
  #changes;
  /** @type {Map<string, string>} id -> status of what matches and is not visible */
  #fresh = new Map();
  #more = false;

  /**
   * @param {Summary[]} rows
   * @param {{filter?: Partial<ListFilter>, since: string, keys?: string[], schedule?: (act: () => void) => void}} page
   *   `keys`: whose values come with each row; `schedule`: when listeners hear of changes, without it at once
   */
  constructor(rows, { filter = {}, since, keys = [], schedule }) {
    this.#changes = new Changes(merged, schedule);
    this.rows = new Map(rows.map((row) => [row.id, row]));
    this.filter = { status: [], definition: "", search: "", ...filter };
    this.since = since;
    this.keys = keys;
  }

  /** The rows and the seq each is known at, as a subscription says it. @returns {[string, number][]} */
  get known() {
    return this.dozes ? [] : [...this.rows.values()].map(({ id, seq }) => [id, seq]);
  }

  get pending() {
    /** @type {Record<string, number>} */
    const byStatus = {};
    for (const status of this.#fresh.values()) byStatus[status] = (byStatus[status] ?? 0) + 1;
    const left = [...this.rows.keys()].filter((id) => !this.matches(id)).length;
    return { count: this.#fresh.size, byStatus, more: this.#more, left };
  }

  /** Whether a visible row still matches the filter: its status and its values can change under it. @param {string} id */
  matches(id) {
    const row = this.rows.get(id);
    return row !== undefined && this.#means(row);
  }

  /** @param {(change: ListChange, store: ListStore) => void} listener @returns {() => void} stops it */
  subscribe(listener) {
    return this.#changes.subscribe(listener);
  }

  /** Take one server frame. @param {import("./protocol.js").TopicFrame} frame @returns {ListChange} */
  apply(frame) {
    /** @type {ListChange} */
    const change = { rows: new Map(), pending: false };
    if (frame.t !== SERVER.rows) return change;
    for (const row of frame.rows) this.#patch(row, change);
    for (const [id, status] of frame.fresh) this.#hold(id, status, change);
    if (frame.more && !this.#more) this.#more = change.pending = true;
    if (change.rows.size > 0 || change.pending) this.#changes.tell(change, this);
    return change;
  }

  /** Take note of what the list would show now, where the server cannot tell. @param {{id: string, status: string}[]} found */
  offer(found) {
    /** @type {ListChange} */
    const change = { rows: new Map(), pending: false };
    for (const { id, status } of found) this.#hold(id, status, change);
    if (change.pending) this.#changes.tell(change, this);
  }

  /** The higher seq wins, so a late or doubled row is harmless. @param {Summary} row @param {ListChange} change */
  #patch(row, change) {
    const known = this.rows.get(row.id);
    if (!known || row.seq <= known.seq) return;
    const all = /** @type {(keyof Summary)[]} */ (Object.keys(row));
    const fields = new Set(all.filter((field) => !same(row[field], known[field])));
    this.rows.set(row.id, row);
    this.moved += row.seq - known.seq;
    change.rows.set(row.id, fields);
    if (this.#means(known) !== this.#means(row)) change.pending = true;
  }

  /** @param {Summary} row */
  #means({ status, values }) {
    return this.#wants(status) && meets(this.filter.where ?? [], values ?? {});
  }

  /** @param {string} id @param {string} status @param {ListChange} change */
  #hold(id, status, change) {
    if (this.rows.has(id) || this.#fresh.get(id) === status) return;
    const changed = this.#wants(status) ? this.#fresh.set(id, status) : this.#fresh.delete(id);
    if (changed) change.pending = true;
  }

  /** @param {string|undefined} status */
  #wants(status) {
    return this.filter.status.length === 0 || (status !== undefined && this.filter.status.includes(status));
  }
}

/** @param {ListChange} earlier @param {ListChange} later @returns {ListChange} both as one */
function merged(earlier, later) {
  const rows = new Map(earlier.rows);
  for (const [id, fields] of later.rows) rows.set(id, new Set([...(rows.get(id) ?? []), ...fields]));
  return { rows, pending: earlier.pending || later.pending };
}

/**
 * Fields are small JSON values, written by one encoder, so their texts compare.
 * @param {unknown} one @param {unknown} other
 */
function same(one, other) {
  return one === other || compact(one) === compact(other);
}
