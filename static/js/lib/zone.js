/** The zone in which times are read: the server's table of it, so that both say the same. Pure; twin of `zones.py`. */

/**
 * When the offset changes: milliseconds since 1970, the offset in seconds, what stands beside times.
 * @typedef {{name: string, changes: [number, number, string][]}} ZoneTable
 */

/** @type {ZoneTable} */
const UTC = { name: "UTC", changes: [[0, 0, "UTC"]] };
let zone = UTC;

/** From here on all times are in this zone; in UTC without one. @param {ZoneTable|null} [table] */
export function useZone(table = null) {
  zone = table ?? UTC;
}

/** Its name, as the database of zones has it. */
export function zoneName() {
  return zone.name;
}

/**
 * The time on the clock of the zone, as ISO text without any zone, and what stands beside it.
 * @param {string|number} time  ISO text, or ms since 1970 @returns {{iso: string, name: string, offset: number}}
 */
export function local(time) {
  const ms = typeof time === "number" ? time : new Date(time).getTime();
  const [, offset, name] = zone.changes.findLast(([from]) => from <= ms) ?? zone.changes[0];
  return { iso: new Date(ms + offset * 1000).toISOString().slice(0, -1), name, offset };
}

/** With its offset, so that it means the same wherever it is pasted. @param {string|number} time */
export function isoWithOffset(time) {
  const { iso, offset } = local(time);
  const minutes = Math.abs(Math.trunc(offset / 60));
  /** @param {number} number */
  const two = (number) => String(number).padStart(2, "0");
  return `${iso}${offset < 0 ? "-" : "+"}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
}
