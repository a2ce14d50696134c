/** A published value as a cell of the list. Pure; the twin of `dashboard/presenters/cells.py`. */

import { brief, progress } from "./values.js";

const LINK = /^https?:\/\/\S{1,2000}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$/;
const EXACT = 1e15;

/** @typedef {{kind: string, text: string, at?: string}} Cell */

/**
 * The value as its renderer shows it, or as text where it is none of that.
 * @param {unknown} value @param {string} [shownAs] @returns {Cell}
 */
export function cell(value, shownAs = "") {
  const renderer = RENDERERS.get(shownAs || fitting(value));
  return renderer?.(value) ?? { kind: "text", text: brief(value) };
}

/** @param {unknown} value */
function fitting(value) {
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number") return "number";
  if (typeof value === "string") return LINK.test(value) ? "link" : TIME.test(value) ? "time" : "text";
  return value === null || Array.isArray(value) ? "text" : "progress";
}

/** @type {Map<string, (value: unknown) => Cell|null>} */
const RENDERERS = new Map([
  ["number", number],
  ["percent", percent],
  ["progress", bar],
  ["boolean", boolean],
  ["link", link],
  ["time", time],
]);

/** @param {unknown} value @returns {Cell|null} */
function number(value) {
  return typeof value === "number" && Math.abs(value) < EXACT ? { kind: "number", text: grouped(value, 4) } : null;
}

/** @param {unknown} value @returns {Cell|null} */
function percent(value) {
  if (typeof value !== "number" || Math.abs(value) >= EXACT / 100) return null;
  return { kind: "number", text: `${grouped(value * 100, 1)} %` };
}

/** @param {unknown} value @returns {Cell|null} */
function bar(value) {
  const shown = progress(value);
  return shown ? { kind: "progress", text: shown.text } : null;
}

/** @param {unknown} value @returns {Cell|null} */
function boolean(value) {
  return typeof value === "boolean" ? { kind: "boolean", text: value ? "yes" : "no" } : null;
}

/** @param {unknown} value @returns {Cell|null} */
function link(value) {
  if (typeof value !== "string" || !LINK.test(value)) return null;
  return { kind: "link", text: brief(value.slice(value.indexOf("://") + 3), 60), at: value };
}

/** @param {unknown} value @returns {Cell|null} */
function time(value) {
  const at = typeof value === "string" && TIME.test(value) ? new Date(value) : null;
  return at && !Number.isNaN(at.getTime()) ? { kind: "time", text: String(value), at: at.toISOString() } : null;
}

/** With groups of thousands and no more decimals than it needs. @param {number} value @param {number} decimals */
function grouped(value, decimals) {
  const [whole, rest] = Math.abs(value).toFixed(decimals).split(".");
  const decimal = (rest ?? "").replace(/0+$/, "");
  const text = whole.replace(/\B(?=(\d{3})+$)/g, ",") + (decimal ? `.${decimal}` : "");
  return value < 0 && text !== "0" ? `-${text}` : text;
}
