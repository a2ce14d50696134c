/** One event of the history as a row. Pure; the twin of `dashboard/presenters/history.py`. */

import { KINDS, named } from "./event_words.js";
import { between, duration } from "./times.js";
import { HIDDEN, compact, diff, first as firstOf } from "./values.js";

/** @typedef {import("../live/protocol.js").WireEvent} WireEvent */
/**
 * @typedef {{seq: number, at: string, kind: string, label: string, tone: string, subject: string, detail: string,
 *   diff: import("./values.js").Diff|null, delta: string, source: string, first: number, count: number}} HistoryRow
 */

/**
 * @param {WireEvent} event
 * @param {{value: unknown}|null} [before]  the value its key had, where there was one
 * @param {string|null} [previousAt]  the time of the event before
 * @returns {HistoryRow}
 */
export function row(event, before = null, previousAt = null) {
  const [seq, at, kind, position, key, data] = event;
  const [, tone, words] = KINDS[kind] ?? ["", "", named];
  const isHidden = kind === "value_set" && data.hidden;
  const { subject, detail = isHidden ? HIDDEN : "" } = words(position, key, data, at);
  const isValue = kind === "value_set" && !isHidden;
  const changes = !isValue ? null : before ? diff(before.value, data.value) : firstOf(data.value);
  const delta = previousAt ? `+${duration(between(previousAt, at))}` : "";
  const whose = source(kind, position, data);
  const said = { label: label(kind), tone, subject: subject ?? "", detail, diff: changes, delta, source: whose };
  return { seq, at, kind, ...said, first: seq, count: 1 };
}

/** @type {Record<string, string>} */
const KEEPERS = { released: "recovery", quarantined: "recovery", due: "clock", woken: "clock", claimed: "worker" };

/**
 * Whose doing it was: a person's, that of those who look after workers and clocks, or of a place in the code.
 * @param {string} kind @param {number|null} position @param {WireEvent[5]} data
 */
export function source(kind, position, { by }) {
  if (by) return String(by);
  if (Object.hasOwn(KEEPERS, kind)) return KEEPERS[kind];
  return position === null ? "" : `position ${position}`;
}

/** What a kind of event is called. @param {string} kind */
export function label(kind) {
  if (Object.hasOwn(KINDS, kind)) return KINDS[kind][0];
  const words = kind.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/**
 * Whether an event is what a reader chose; the twin of the conditions in `workflows/sql/reads.py`.
 * @param {WireEvent} event @param {{kind: string, key: string, find: string}} choice
 */
export function isChosen([, , kind, , key, data], choice) {
  if ((choice.kind && choice.kind !== kind) || (choice.key && choice.key !== key)) return false;
  if (!choice.find) return true;
  const [find, text] = [choice.find.toLowerCase(), `${key ?? ""} ${compact(data)}`.toLowerCase()];
  return text.includes(find) || text.includes(JSON.stringify(find).slice(1, -1));
}

/** Rows in which values of one key that follow each other are one. @param {HistoryRow[]} rows ascending */
export function grouped(rows) {
  /** @type {HistoryRow[]} */
  const all = [];
  for (const row of rows) {
    const last = all.at(-1);
    const isMore = last?.kind === "value_set" && row.kind === "value_set" && last.subject === row.subject;
    if (isMore) all[all.length - 1] = joined(last, row);
    else all.push(row);
  }
  return all;
}

/**
 * From the old value of the first to the new one of the last, where each changed as a whole.
 * @param {HistoryRow} earlier @param {HistoryRow} later @returns {HistoryRow}
 */
function joined(earlier, later) {
  const [[was, ...other], [is, ...more]] = [earlier.diff?.changes ?? [], later.diff?.changes ?? []];
  const isWhole = was?.path === "" && is?.path === "" && other.length + more.length === 0;
  const diff = isWhole ? { changes: [{ ...is, old: was.old, delta: "" }], more: 0 } : later.diff;
  return { ...later, diff, delta: earlier.delta, first: earlier.first, count: earlier.count + later.count };
}
