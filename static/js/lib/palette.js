/** Which lines the palette shows for what was typed. Pure. */

/** @typedef {{kind: string, text: string, note?: string, address?: string, act?: () => void}} Line */

/**
 * Lines that have every typed word, those first that begin with what was typed; in the order given otherwise.
 * @param {Line[]} lines @param {string} typed @returns {Line[]}
 */
export function matching(lines, typed) {
  const whole = typed.trim().toLowerCase();
  const words = whole.split(/\s+/);
  const found = lines.filter(({ text }) => words.every((word) => text.toLowerCase().includes(word)));
  /** @param {Line} line */
  const begins = ({ text }) => text.toLowerCase().startsWith(whole);
  return [...found.filter(begins), ...found.filter((line) => !begins(line))];
}

/** The lines under their heads, in the order in which the heads come first. @param {Line[]} lines */
export function grouped(lines) {
  /** @type {Map<string, Line[]>} */
  const groups = new Map();
  for (const line of lines) groups.set(line.kind, [...(groups.get(line.kind) ?? []), line]);
  return groups;
}

/** The place after another one, around the end. @param {number} place @param {number} by @param {number} count */
export function around(place, by, count) {
  return count === 0 ? -1 : (place + by + count) % count;
}
