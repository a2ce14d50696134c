/** JSON values as text, the difference between two, and the conventional keys. Pure; twin of `presenters/values.py`. */

import { DAY, estimate } from "./times.js";

/** What stands for something that this reader may not read. */
export const HIDDEN = "(hidden)";
const BRIEF_LENGTH = 120;
const MOST_CHANGES = 6;
const [BEYOND_COUNTING, LEAST_RATE, LONGEST_REST] = [1e15, 1e-9, 100 * 365 * DAY];
const ABSENT = Symbol("absent");

/** @typedef {{path: string, old: string|null, new: string|null, delta: string}} Change */
/** @typedef {{changes: Change[], more: number}} Diff */

/** One line: text as it is, everything else as compact JSON. @param {unknown} value @param {number} [limit] */
export function brief(value, limit = BRIEF_LENGTH) {
  const text = typeof value === "string" ? value : compact(value);
  const characters = [...text];
  return characters.length <= limit ? text : `${characters.slice(0, limit - 1).join("")}…`;
}

/** Compact JSON as PostgreSQL spaces it. @param {unknown} value @returns {string} */
export function compact(value) {
  if (Array.isArray(value)) return `[${value.map(compact).join(", ")}]`;
  if (typeof value === "bigint") return String(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${compact(item)}`).join(", ")}}`;
}

/** The diff of a value that had no predecessor. @param {unknown} value @returns {Diff} */
export function first(value) {
  return { changes: [{ path: "", old: null, new: brief(value), delta: "" }], more: 0 };
}

/**
 * Which paths differ, depth first in the order of the new value.
 * @param {unknown} old @param {unknown} now @returns {Diff}
 */
export function diff(old, now) {
  const all = [...changes("", old, now)];
  return { changes: all.slice(0, MOST_CHANGES), more: Math.max(0, all.length - MOST_CHANGES) };
}

/** @param {string} path @param {unknown} old @param {unknown} now @returns {Generator<Change>} */
function* changes(path, old, now) {
  if (isObject(old) && isObject(now)) {
    /** @param {Record<string, unknown>} object @param {string} key */
    const of = (object, key) => (Object.hasOwn(object, key) ? object[key] : ABSENT);
    for (const key of new Set([...Object.keys(now), ...Object.keys(old)])) {
      yield* changes(`${path}.${key}`, of(old, key), of(now, key));
    }
  } else if (Array.isArray(old) && Array.isArray(now) && old.length === now.length) {
    for (const [index, item] of now.entries()) yield* changes(`${path}[${index}]`, old[index], item);
  } else if (old === ABSENT || now === ABSENT || compact(old) !== compact(now)) {
    const plain = path.startsWith(".") ? path.slice(1) : path;
    yield { path: plain, old: text(old), new: text(now), delta: delta(old, now) };
  }
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
/** @param {unknown} value @returns {value is number} */
const isNumber = (value) => typeof value === "number";
/** A number that something was counted to: exact here as on the server. @param {unknown} value @returns {value is number} */
const isCount = (value) => isNumber(value) && Math.abs(value) < BEYOND_COUNTING;
/** @param {unknown} value */
const text = (value) => (value === ABSENT ? null : brief(value, 60));

/** @param {unknown} old @param {unknown} now */
function delta(old, now) {
  if (!isNumber(old) || !isNumber(now)) return "";
  const difference = (now - old).toFixed(6).replace(/\.?0+$/, "");
  if (difference === "0" || difference === "-0") return "";
  return now > old ? `+${difference}` : difference;
}

/**
 * What the keys `progress` and `phase` say; `fraction` is null while the total is unknown.
 * @param {unknown} value @param {unknown} [phase] @returns {{fraction: number|null, text: string}|null}
 */
export function progress(value, phase = null) {
  let words = typeof phase === "string" && phase !== HIDDEN ? phase : "";
  if (isNumber(value) && value >= 0 && value <= 1) {
    return { fraction: value, text: joined([`${Math.floor(value * 100)} %`, words]) };
  }
  if (!isObject(value) || !isCount(value.done)) return words ? { fraction: null, text: words } : null;
  const { done, total, label } = value;
  words ||= typeof label === "string" ? label : "";
  if (!isCount(total) || total <= 0) return { fraction: null, text: joined([number(done), words, rate(value)]) };
  const moving = done < total ? [rate(value), left(value)] : [];
  const parts = [`${number(done)} of ${number(total)}`, words, ...moving];
  return { fraction: Math.min(1, Math.max(0, done / total)), text: joined(parts) };
}

/** @param {string[]} parts */
const joined = (parts) => parts.filter(Boolean).join(" · ");
/** @param {number} value */
const number = (value) => grouped(Math.abs(value) < 100 ? Math.trunc(value * 10) / 10 : Math.trunc(value));
/** @param {number} value */
export const grouped = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, Number.isInteger(value) ? "," : "");
/** How often a key was set. @param {number} sets */
export const setsTold = (sets) => (sets === 1 ? "set once" : `set ${grouped(sets)} times`);
/** @param {Record<string, unknown>} value */
const rate = (value) => (isCount(value.rate) && value.rate >= 0.1 ? `${number(value.rate)}/s` : "");

/** How many ms the rest takes at the rate that a progress declares; 0: it declares none. @param {unknown} value */
export function rest(value) {
  if (!isObject(value)) return 0;
  const { done, total, rate } = value;
  if (!isCount(done) || !isCount(total) || !isCount(rate) || rate <= LEAST_RATE || done >= total) return 0;
  const ms = Math.trunc(((total - done) / rate) * 1000);
  return ms < LONGEST_REST ? ms : 0;
}

/** @param {Record<string, unknown>} value */
function left(value) {
  const ms = rest(value);
  return ms === 0 ? "" : `about ${estimate(ms)} left`;
}
