/**
 * Counters, queues, schedules and the like as the browser knows them: cells by name, of which frames bring the changed ones. Pure.
 *
 *   const store = new OverviewStore("counters");
 *   store.cells.get("failed")                              // a number; undefined: none
 *   const stop = store.subscribe((change, store) => …);    // {cells: Set of changed names, gone}; only if something changed
 *   live.follow(store);
 *
 * `gone`: the server says that this account may not see it (any more); what was known is forgotten.
 */

import { RESET, SERVER } from "./protocol.js";

/** @typedef {import("./protocol.js").TopicFrame} TopicFrame */
/** @typedef {{cells: Set<string>, gone: boolean}} OverviewChange */

export class OverviewStore {
  /** @type {Map<string, unknown>} */
  cells = new Map();
  gone = false;
  /** @type {Set<(change: OverviewChange, store: OverviewStore) => void>} */
  #listeners = new Set();
  #version = 0;

  /** @param {string} topic  one of OVERVIEW_TOPICS */
  constructor(topic) {
    this.topic = topic;
  }

  /** @param {(change: OverviewChange, store: OverviewStore) => void} listener @returns {() => void} stops it */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Take one server frame of this topic. @param {TopicFrame} frame @returns {OverviewChange} */
  apply(frame) {
    /** @type {OverviewChange} */
    const change = { cells: new Set(), gone: false };
    if (frame.t === SERVER.overview) this.#take(frame, change);
    else if (frame.t === SERVER.reset && frame.reason === RESET.gone) this.#lose(change);
    if (change.cells.size > 0 || change.gone) {
      for (const listener of [...this.#listeners]) listener(change, this);
    }
    return change;
  }

  /**
   * A whole begins anew, also with a lower version: another process answers. A doubled or late part is no news.
   * @param {import("./protocol.js").Overview} frame @param {OverviewChange} change
   */
  #take({ whole, version, cells }, change) {
    if (!whole && version <= this.#version) return;
    this.#version = version;
    this.gone = false;
    if (whole) for (const name of this.cells.keys()) if (!Object.hasOwn(cells, name)) this.#set(name, null, change);
    for (const [name, cell] of Object.entries(cells)) this.#set(name, cell, change);
  }

  /** @param {string} name @param {unknown} cell @param {OverviewChange} change */
  #set(name, cell, change) {
    if (same(this.cells.get(name) ?? null, cell)) return;
    if (cell === null) this.cells.delete(name);
    else this.cells.set(name, cell);
    change.cells.add(name);
  }

  /** @param {OverviewChange} change */
  #lose(change) {
    this.gone = change.gone = true;
    this.#version = 0;
    this.cells.clear();
  }
}

/**
 * Cells are small JSON values, written by one encoder, so their texts compare.
 * @param {unknown} one @param {unknown} other
 */
function same(one, other) {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
