/** Terms about published values. Pure; the twin of `dashboard/terms.py`, which reads them from an address. */

const NUMBER = /^-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?$/;

/** @typedef {[key: string, how: string, operand: string]} Term */

/** Whether such published values are meant by all terms. @param {Term[]} terms @param {Object<string, unknown>} values */
export function meets(terms, values) {
  return terms.every(([key, how, operand]) => {
    if (!Object.hasOwn(values, key)) return false;
    return how === "?" || (TESTS.get(how)?.(values[key], operand) ?? false);
  });
}

/**
 * Numbers with numbers, text with text; nothing else has an order.
 * @param {(value: string|number, operand: string|number) => boolean} test
 * @returns {(value: unknown, operand: string) => boolean}
 */
const compared = (test) => (value, operand) => {
  if (typeof value === "string") return test(value, operand);
  return typeof value === "number" && NUMBER.test(operand) && test(value, Number(operand));
};

/** @param {unknown} value @param {string} operand */
function equals(value, operand) {
  if (value === null || typeof value === "boolean") return String(value) === operand;
  if (typeof value === "number") return NUMBER.test(operand) && value === Number(operand);
  return value === operand;
}

/** @type {Map<string, (value: unknown, operand: string) => boolean>} */
const TESTS = new Map([
  ["=", equals],
  ["^", (value, operand) => typeof value === "string" && value.startsWith(operand)],
  ["<", compared((value, operand) => value < operand)],
  ["<=", compared((value, operand) => value <= operand)],
  [">", compared((value, operand) => value > operand)],
  [">=", compared((value, operand) => value >= operand)],
]);
