/**
 * Follows the workflows that somebody watches, from whatever page, and says when one of them needs somebody. Kept in a
 * storage that all pages of the browser share. Touches no document.
 *
 *   const watching = new Watching({ storage: localStorage, key, own: store, live: () => live });
 *   watching.subscribe((news) => …);        // after every change; `news`: [id, facts] of those of which somebody is told
 *   watching.start();
 *   watching.toggle("order-42", facts);     // "watched", "left", or "full"
 */

import { Watched, isEnded, need } from "../lib/watched.js";
import { progress } from "../lib/values.js";
import { WorkflowStore } from "./workflow_store.js";

/** @typedef {import("../lib/watched.js").Facts} Facts @typedef {import("./protocol.js").State} State */

export class Watching {
  #storage;
  #key;
  #own;
  #live;
  #schedule;
  /** @type {Set<(news: [string, Facts][]) => void>} */
  #listeners = new Set();
  /** id -> what stops to follow it. @type {Map<string, () => void>} */
  #stops = new Map();
  #watched = new Watched();

  /**
   * @param {{storage: Pick<Storage, "getItem"|"setItem">, key: string, own: WorkflowStore|null, schedule?: any,
   *   live: () => {follow: (store: WorkflowStore) => () => void}}} page
   *   `own`: of the workflow that the page is about; `live`: the page's connection, made when it is needed first
   */
  constructor({ storage, key, own, live, schedule }) {
    this.#storage = storage;
    this.#key = key;
    this.#own = own;
    this.#live = live;
    this.#schedule = schedule;
  }

  /** Follow what is kept. Who opens the page of one that has ended has seen it. */
  start() {
    this.#load();
    const own = this.#own?.state.workflow;
    if (own && isEnded(own.status) && this.#watched.delete(own.id)) this.#keep();
    this.read();
  }

  /** Another page changed what is kept. */
  read() {
    this.#load();
    for (const id of [...this.#stops.keys()]) if (!this.has(id)) this.#unfollow(id);
    for (const [id] of this.all) if (!this.#stops.has(id)) this.#follow(id);
    this.#tell([]);
  }

  get all() {
    return this.#watched.all;
  }

  /** @param {string} id */
  has(id) {
    return this.#watched.get(id) !== undefined;
  }

  /** @param {string} id @param {Facts} facts @returns {"watched"|"left"|"full"} */
  toggle(id, facts) {
    this.#load();
    const left = this.#watched.delete(id);
    if (!left && !this.#watched.add(id, facts)) return "full";
    this.#keep();
    if (left) this.#unfollow(id);
    else this.#follow(id);
    this.#tell([]);
    return left ? "left" : "watched";
  }

  /** @param {(news: [string, Facts][]) => void} listener @returns {() => void} stops it */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param {string} id */
  #follow(id) {
    const own = this.#own?.state.workflow.id === id ? this.#own : null;
    const store = own ?? new WorkflowStore(unknown(id), [], null, { keep: 1, schedule: this.#schedule });
    const unsubscribe = store.subscribe(() => this.#note(id, store));
    const unfollow = own ? () => {} : this.#live().follow(store);
    this.#stops.set(id, () => {
      unsubscribe();
      unfollow();
    });
    if (own) this.#note(id, own);
  }

  /** @param {string} id */
  #unfollow(id) {
    this.#stops.get(id)?.();
    this.#stops.delete(id);
  }

  /** What matters is noted in what is kept now, so that of several pages one tells it. @param {string} id @param {WorkflowStore} store */
  #note(id, store) {
    const [known, facts] = [this.#watched.get(id), factsOf(store)];
    const matters = known?.status !== facts.status || known?.told !== need(facts);
    if (matters) this.#load();
    const news = this.#watched.note(id, facts);
    if (matters) this.#keep();
    this.#tell(news ? this.all.filter(([each]) => each === id) : []);
  }

  #load() {
    this.#watched = new Watched(Watched.entries(this.#storage.getItem(this.#key)), this.#watched);
  }

  #keep() {
    this.#storage.setItem(this.#key, this.#watched.text);
  }

  /** @param {[string, Facts][]} news */
  #tell(news) {
    for (const listener of [...this.#listeners]) listener(news);
  }
}

/** Before the first snapshot. @param {string} id @returns {State} */
function unknown(id) {
  const workflow = /** @type {State["workflow"]} */ ({ id, status: "queued" });
  return { seq: 0, workflow, values: {}, steps: {} };
}

/** @param {WorkflowStore} store @returns {Omit<Facts, "address">} */
function factsOf({ state: { workflow, values }, gone }) {
  const { definition, status, waiting, last_event } = workflow;
  const at = last_event?.at ?? "";
  if (gone) return { definition, status: "gone", waiting: null, at };
  const { fraction } = progress(values.progress?.value) ?? { fraction: null };
  return { definition, status, waiting, at, fraction };
}
