/**
 * Which workflows somebody watches, by id, what is known of each, and how a tab says it. Pure.
 *
 *   const watched = new Watched(Watched.entries(text));     // from `text` as `watched.text` made it
 *   watched.add("order-42", {definition, status: "running", address});    // false: there is no room for more
 *   watched.note("order-42", {status: "failed", …});        // "failed": somebody must be told of that, once
 */

import { keptEntries } from "./kept.js";

/** Where a browser keeps it, followed by whose it is. */
export const KEPT = "watched-workflows";
/** A page follows each of them. */
export const MOST = 20;

/** @typedef {{for: string, name?: string|null, since?: string}} Waiting */
/**
 * `address`: of its page; `told`: what somebody was told of last; `fraction`: of its progress, if it has one
 * `at`: when it moved last
 * @typedef {{definition: string, status: string, address: string, waiting?: Waiting|null, at?: string, told?: string,
 *   fraction?: number|null}} Facts
 */

/** @type {Record<string, string>} */
const SIGNS = {
  gone: "✗", failed: "✗", quarantined: "✗", cancelled: "⊘", succeeded: "✓", waiting: "⧗", running: "◔", queued: "○",
  delayed: "○",
};
const ENDED = new Set(["gone", "failed", "quarantined", "cancelled", "succeeded"]);
/** What a tab with room for one says first. */
const FIRST = ["gone", "quarantined", "failed", "needs", "cancelled", "succeeded", "running", "waiting", "queued", "delayed"];

export class Watched {
  /** @type {Map<string, Facts>} */
  #facts;

  /** @param {Iterable<[string, Facts]>} [entries] @param {Watched} [before]  what is known beside what is kept */
  constructor(entries = [], before) {
    const fraction = (/** @type {string} */ id) => before?.get(id)?.fraction ?? null;
    this.#facts = new Map([...entries].slice(-MOST).map(([id, facts]) => [id, { ...facts, fraction: fraction(id) }]));
  }

  /** What an earlier page kept; nothing for what is no such thing. @param {string|null} text @returns {[string, Facts][]} */
  static entries(text) {
    return keptEntries(text, isEntry);
  }

  get text() {
    return JSON.stringify([...this.#facts].map(([id, { fraction, ...facts }]) => [id, facts]));
  }

  get size() {
    return this.#facts.size;
  }

  /** @returns {[string, Facts][]} in the order in which they were added */
  get all() {
    return [...this.#facts];
  }

  /** @param {string} id @returns {Facts|undefined} */
  get(id) {
    return this.#facts.get(id);
  }

  /** @param {string} id @param {Facts} facts @returns {boolean} false: so many are watched already */
  add(id, facts) {
    if (this.#facts.size >= MOST) return false;
    this.#facts.set(id, ENDED.has(facts.status) ? { ...facts, told: facts.status } : facts);
    return true;
  }

  /** @param {string} id */
  delete(id) {
    return this.#facts.delete(id);
  }

  /**
   * What is known of it now. What it waits for when it is added is known to who adds it.
   * @param {string} id @param {Omit<Facts, "address">} facts @returns {string} what somebody must be told, or ""
   */
  note(id, facts) {
    const known = this.#facts.get(id);
    const lags = facts.status !== "gone" && (facts.at ?? "") < (known?.at ?? ""); // behind another page: no news of it
    if (!known || lags) return "";
    const now = need(facts);
    this.#facts.set(id, { ...known, ...facts, told: now });
    const isNew = known.told === undefined && !ENDED.has(now);
    return isNew || now === known.told ? "" : now;
  }
}

/** @param {unknown} entry @returns {entry is [string, Facts]} */
function isEntry(entry) {
  const [id, facts] = Array.isArray(entry) ? entry : [];
  return typeof id === "string" && typeof facts?.status === "string" && /^\/[^/]/.test(facts.address);
}

/** Why somebody should look: it has ended, or waits for a message. Each wait is another one. @param {Omit<Facts, "address">} facts */
export function need({ status, waiting = null }) {
  if (ENDED.has(status)) return status;
  return waiting?.for === "message" ? `message ${waiting.name} ${waiting.since}` : "";
}

/** @param {string} status */
export const isEnded = (status) => ENDED.has(status);

/** "✓ order-42 succeeded". @param {string} id @param {Facts} facts */
export function words(id, facts) {
  const { status, waiting = null, fraction = null } = facts;
  if (status === "gone") return `${SIGNS.gone} ${id} is deleted`;
  if (need(facts) && !ENDED.has(status)) return `⧗ ${id} waits for message “${waiting?.name}”`;
  const percent = status === "running" && fraction !== null ? ` ${Math.floor(fraction * 100)} %` : "";
  return `${SIGNS[status] ?? "○"}${percent} ${id} ${status}`;
}

/**
 * The one of which a tab with room for one speaks: the page's own, else the one that matters most.
 * @param {[string, Facts][]} all @param {string|null} [own] @returns {[string, Facts]|null}
 */
export function foremost(all, own = null) {
  const rank = (/** @type {[string, Facts]} */ [id, facts]) => (id === own ? -1 : FIRST.indexOf(kindOf(facts)));
  return [...all].sort((one, other) => rank(one) - rank(other))[0] ?? null;
}

/** @param {Facts} facts */
const kindOf = (facts) => (need(facts) && !ENDED.has(facts.status) ? "needs" : facts.status);

/** What stands before a tab's title; "" for nothing. @param {[string, Facts][]} all @param {string|null} [own] */
export function titleOf(all, own = null) {
  const first = foremost(all, own);
  if (first === null) return "";
  return all.length > 1 ? `${words(...first)} +${all.length - 1}` : words(...first);
}
