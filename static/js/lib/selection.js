/**
 * Which workflows are selected, by id, and what is known of each: its status, and whether it is pinned. Pure.
 *
 *   const selection = new Selection(Selection.entries(text));  // from `text` as `selection.text` made it
 *   selection.set("order-42", {status: "failed", pinned: false});
 *   selection.applies({statuses: ["failed"], skips_pinned: null});  // how many a verb applies to
 */

import { keptEntries } from "./kept.js";

/** Where a tab keeps it, followed by whose it is. */
export const KEPT = "selected-workflows";

/** @typedef {{status: string, pinned: boolean}} Facts */
/** @typedef {{name: string, label: string, statuses: string[], skips_pinned: boolean|null}} BulkVerb */

export class Selection {
  /** @type {Map<string, Facts>} */
  #facts;

  /** @param {Iterable<[string, Facts]>} [entries] */
  constructor(entries = []) {
    this.#facts = new Map(entries);
  }

  /**
   * What an earlier page of this tab kept; nothing for what is no selection.
   * @param {string|null} text @returns {[string, Facts][]}
   */
  static entries(text) {
    return keptEntries(text, isEntry);
  }

  get text() {
    return JSON.stringify([...this.#facts]);
  }

  get size() {
    return this.#facts.size;
  }

  get ids() {
    return [...this.#facts.keys()];
  }

  /** @param {string} id */
  has(id) {
    return this.#facts.has(id);
  }

  /** @param {string} id @param {Facts} facts */
  set(id, { status, pinned }) {
    this.#facts.set(id, { status, pinned });
  }

  /** @param {string} id */
  delete(id) {
    this.#facts.delete(id);
  }

  clear() {
    this.#facts.clear();
  }

  /**
   * Take note of how a workflow stands now; nothing becomes selected by it.
   * @param {string} id @param {Facts} facts @returns {boolean} whether it is selected
   */
  note(id, facts) {
    const known = this.has(id);
    if (known) this.set(id, facts);
    return known;
  }

  /** How many of the selected a verb applies to. @param {BulkVerb} verb */
  applies({ statuses, skips_pinned }) {
    const fits = (/** @type {Facts} */ { status, pinned }) => statuses.includes(status) && pinned !== skips_pinned;
    return [...this.#facts.values()].filter(fits).length;
  }

  /** @param {(id: string) => boolean} isShown whether the page shows it @returns {string} "37 selected (5 not in this view)" */
  words(isShown) {
    const away = this.ids.filter((id) => !isShown(id)).length;
    return `${NUMBERS.format(this.size)} selected${away ? ` (${NUMBERS.format(away)} not in this view)` : ""}`;
  }
}

/** The words of a verb's button: "Cancel 31 of 37…". @param {BulkVerb} verb @param {Selection} selection */
export function verbWords(verb, selection) {
  const count = selection.applies(verb);
  const of = count < selection.size ? ` of ${NUMBERS.format(selection.size)}` : "";
  return `${verb.label} ${NUMBERS.format(count)}${of}…`;
}

const NUMBERS = new Intl.NumberFormat("en");

/** @param {unknown} entry @returns {entry is [string, Facts]} */
function isEntry(entry) {
  return Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1]?.status === "string";
}
