/** The few words beside a row of the list. Pure; the twin of `dashboard/presenters/rows.py`. */

import { label } from "./history.js";
import { waits } from "./sentences.js";

/**
 * The error of a workflow that has one, what it waits for, else what its last event was.
 * @param {import("../live/protocol.js").Summary} summary
 */
export function lastWords({ error, waiting, last_event: event }) {
  if (error) return error;
  if (waiting) return waits(waiting);
  if (!event) return "";
  const step = event.kind.startsWith("step_") ? `${event.position} ${event.name}` : "";
  return [label(event.kind), step || event.key || event.name].filter(Boolean).join(" ");
}

/**
 * The words of the bar above the list: how much the page holds back. Empty for nothing.
 * @param {{count: number, byStatus: Object<string, number>, more: boolean, left: number}} pending
 */
export function pendingWords({ count, byStatus, more, left }) {
  const failed = (byStatus.failed ?? 0) + (byStatus.quarantined ?? 0);
  const parts = [];
  if (count > 0 || more) parts.push(`${more ? "at least " : ""}${count} new`);
  if (failed > 0) parts.push(`${failed} failed`);
  if (left > 0) parts.push(`${left} no longer ${left === 1 ? "matches" : "match"}`);
  return parts.join(", ");
}
