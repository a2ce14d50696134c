/**
 * A workflow store that can show the past: what elements follow. Live, it is its inner store; viewing event N it holds
 * the state after N and keeps what arrives meanwhile for later. Pure but for `load`, which reads a stretch of history.
 *
 *   const moments = new MomentStore(store, (seq) => fetch(…));   // the state after seq and what follows it
 *   await moments.view(4183);                                    // every element repaints
 *   moments.viewing                                              // 4183; null while live
 *   moments.live();
 */

import { fold, owned } from "./fold.js";

/** Events between two states that are read; `dashboard/views/moments.py` answers with as many. */
export const STRETCH = 250;
const KEPT_STRETCHES = 20;
/** Steps in the states of all kept stretches: of a workflow with many thousand steps only few stretches are kept. */
const KEPT_STEPS = 20_000;
const SHOWN_EVENTS = 200;

/** @typedef {import("./protocol.js").WireEvent} WireEvent */
/** @typedef {import("./protocol.js").State} State @typedef {import("./fold.js").Change} Change */
/** @typedef {{epoch: string, state: State, before: WireEvent[], events: WireEvent[]}} Stretch */

export class MomentStore {
  #inner;
  #load;
  /** @type {Set<(change: Change, store: MomentStore) => void>} */
  #listeners = new Set();
  /** @type {{state: State, events: WireEvent[]}|null} */
  #past;
  /** @type {Map<number, Stretch>} */
  #stretches = new Map();
  /** What was asked for last; an answer to an earlier question is no news. @type {number|null} */
  #wanted;

  /**
   * @param {import("./workflow_store.js").WorkflowStore} inner
   * @param {(seq: number) => Promise<Stretch>} load
   * @param {{state: State, events: WireEvent[]}|null} [past]  what the page shows already
   */
  constructor(inner, load, past = null) {
    this.#inner = inner;
    this.#load = load;
    this.#past = past && { ...past, state: owned(past.state) };
    this.#wanted = past ? past.state.seq : null;
    inner.subscribe((change) => this.#moved(change));
  }

  get state() {
    return (this.#past ?? this.#inner).state;
  }

  get events() {
    return (this.#past ?? this.#inner).events;
  }

  get gone() {
    return this.#inner.gone;
  }

  /** The seq whose state is shown; null while live. */
  get viewing() {
    return this.#past?.state.seq ?? null;
  }

  /** The newest seq there is. */
  get last() {
    return this.#inner.state.seq;
  }

  /** @param {(change: Change, store: MomentStore) => void} listener @returns {() => void} stops it */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Show the state after event `seq`; the newest one means live. Rejects when the past cannot be read.
   * @param {number} seq
   */
  async view(seq) {
    const wanted = Math.max(1, Math.trunc(seq));
    if (wanted >= this.last) return this.live();
    this.#wanted = wanted;
    const { start, stretch } = await this.#stretchOf(wanted);
    if (this.#wanted !== wanted) return undefined;
    const events = stretch.events.slice(0, wanted - start);
    this.#past = { state: fold(stretch.state, events), events: [...stretch.before, ...events].slice(-SHOWN_EVENTS) };
    return this.#show();
  }

  /** Follow the workflow again. */
  live() {
    const was = this.#past;
    this.#wanted = this.#past = null;
    if (was) this.#show();
  }

  /** @param {number} seq @returns {Promise<{start: number, stretch: Stretch}>} the one that has the event */
  async #stretchOf(seq) {
    const start = Math.floor((seq - 1) / STRETCH) * STRETCH;
    let stretch = this.#stretches.get(start);
    if (!stretch || start + stretch.events.length < seq) {
      stretch = await this.#load(start);
      if (start + stretch.events.length < seq) throw new RangeError(`event ${seq} is not there`);
      this.#keep(start, stretch);
    }
    return { start, stretch };
  }

  /** @param {number} start @param {Stretch} stretch */
  #keep(start, stretch) {
    const most = Math.floor(KEPT_STEPS / (1 + Object.keys(stretch.state.steps).length));
    const others = Math.min(KEPT_STRETCHES, Math.max(2, most)) - 1;
    this.#stretches.delete(start);
    for (const oldest of [...this.#stretches.keys()].slice(0, Math.max(0, this.#stretches.size - others))) {
      this.#stretches.delete(oldest);
    }
    this.#stretches.set(start, stretch);
  }

  /** @param {Change} change */
  #moved(change) {
    // A new snapshot may be of another history: what was read of the old one is void.
    if (change.kind === "snapshot") this.#stretches.clear();
    if (this.#past === null) this.#tell(change);
    else this.#tell({ kind: "ahead", keys: new Set(), steps: new Set(), workflow: false, events: [] });
  }

  #show() {
    const { state, events } = this;
    const keys = new Set(Object.keys(state.values));
    this.#tell({ kind: "snapshot", keys, steps: new Set(Object.keys(state.steps)), workflow: true, events });
  }

  /** @param {Change} change */
  #tell(change) {
    for (const listener of [...this.#listeners]) listener(change, this);
  }
}
