/** JSON in which no digit is lost: whole numbers that a Number cannot hold come as BigInt. Pure. */

/** So many digits in a row may be such a number; without them the quick way will do. */
const LONG = /\d{16}/;
const WHOLE = /^-?\d+$/;

/** @param {string} text @returns {any} */
export function parse(text) {
  return LONG.test(text) ? JSON.parse(text, withAllDigits) : JSON.parse(text);
}

/** @param {string} _key @param {any} value @param {{source?: string}} [context]  what newer browsers say of a number */
function withAllDigits(_key, value, context) {
  if (typeof value !== "number" || Number.isSafeInteger(value) || !WHOLE.test(context?.source ?? "")) return value;
  return BigInt(/** @type {string} */ (context?.source));
}
