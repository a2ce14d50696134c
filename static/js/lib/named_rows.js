/**
 * A table whose rows have names (their first `data-` attribute), made like a fresh one row by row: the row that the
 * reader has the hand on stays as it is and where it is, and everything else goes on.
 */

import { exchange, isBusyIn } from "./dom.js";

/** @param {Element} old @param {Element} fresh @returns {boolean} whether all of it is shown now */
export function exchangeRows(old, fresh) {
  const [body, other] = [old, fresh].map((table) => table.querySelector(":scope > tbody"));
  if (!body || !other || !isHeadAlike(old, fresh)) return false;
  const [rows, wanted] = [named(body), named(other)];
  let isWhole = true;
  for (const [name, row] of rows) {
    if (wanted.has(name)) continue;
    if (isHeld(row)) isWhole = false;
    else row.remove();
  }
  const order = [...wanted].map(([name, row]) => {
    const known = rows.get(name);
    if (!known || known.isEqualNode(row)) return known ?? row;
    if (isBusyIn(known) || !exchange(known, row)) isWhole = false;
    return known.isConnected ? known : row;
  });
  arrange(body, order);
  return isWhole;
}

/** @param {Element} body @returns {Map<string, HTMLElement>} */
function named(body) {
  const rows = /** @type {HTMLElement[]} */ ([...body.children]);
  return new Map(rows.map((row) => [Object.values(row.dataset)[0] ?? "", row]));
}

/** @param {Element} old @param {Element} fresh */
function isHeadAlike(old, fresh) {
  const [head, other] = [old, fresh].map((table) => table.querySelector(":scope > thead"));
  return head !== null && other !== null && head.isEqualNode(other);
}

/** @param {Element} row */
const isHeld = (row) => row.contains(document.activeElement) || isBusyIn(row);

/** In this order, without moving what has the focus, or else what is busy. @param {Element} body @param {Element[]} order */
function arrange(body, order) {
  const kept = new Set(order);
  const now = [...body.children].filter((row) => kept.has(row));
  if (now.length === order.length && now.every((row, place) => row === order[place])) return;
  const fixed = order.find((row) => row.contains(document.activeElement)) ?? order.find(isBusyIn);
  const place = fixed ? order.indexOf(fixed) : -1;
  for (const row of order.slice(0, Math.max(0, place))) fixed?.before(row);
  body.append(...order.slice(place + 1));
}
