/**
 * From single keys to what they mean: a key, or two in a row ("g w"). A key that may be the first of two and means
 * something by itself does so when nothing follows in time, or when it is pressed twice. Pure.
 *
 *   const presses = new KeyPresses([{ keys: "j", … }, { keys: "g w", … }]);
 *   presses.press("g", 0);      // null: the first of two
 *   presses.press("w", 200);    // {keys: "g w", …}
 *   presses.press("g", 900), presses.alone;  // null, and {keys: "g", …}: to be done after SECOND_KEY_MS
 *   keyName({ key: "X", shiftKey: true })    // "Shift+x"; signs are what they are, however they are typed
 */

export const SECOND_KEY_MS = 1_500;
/** @type {Record<string, string>} */
const NAMES = { ArrowLeft: "←", ArrowRight: "→", " ": "Space" };

/** What the table calls a key. A letter is the same with Caps Lock. @param {{key: string, shiftKey: boolean}} event */
export function keyName({ key, shiftKey }) {
  const isLetter = /^\p{L}$/u.test(key);
  const name = NAMES[key] ?? (isLetter ? key.toLowerCase() : key);
  return shiftKey && (isLetter || key in NAMES) ? `Shift+${name}` : name;
}

/** @template {{keys: string}} T */
export class KeyPresses {
  #table;
  #first = "";
  #until = 0;

  /** @param {T[]} table */
  constructor(table) {
    this.#table = table;
  }

  /** @param {string} key  as `keyName` says it @param {number} at milliseconds @returns {T|null} what is meant */
  press(key, at) {
    const first = at < this.#until ? this.#first : "";
    this.#until = 0;
    if (first) return this.#find(key === first ? key : `${first} ${key}`);
    if (!this.#begins(key)) return this.#find(key);
    this.#first = key;
    this.#until = at + SECOND_KEY_MS;
    return null;
  }

  /** What the key means that was pressed last, should no second one follow. @returns {T|null} */
  get alone() {
    return this.#until > 0 ? this.#find(this.#first) : null;
  }

  /** @param {string} wanted @returns {T|null} */
  #find(wanted) {
    return this.#table.find(({ keys }) => keys === wanted) ?? null;
  }

  /** @param {string} key */
  #begins(key) {
    return this.#table.some(({ keys }) => keys.startsWith(`${key} `));
  }
}
