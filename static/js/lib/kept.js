/** What a browser kept for a later page: a JSON array, of which somebody may have made anything meanwhile. Pure. */

/**
 * The entries that are what they should be; none of what is no array, or no JSON.
 * @template T @param {string|null} text @param {(entry: unknown) => entry is T} isOne @returns {T[]}
 */
export function keptEntries(text, isOne) {
  try {
    const kept = JSON.parse(text ?? "[]");
    return Array.isArray(kept) ? kept.filter(isOne) : [];
  } catch {
    return [];
  }
}
