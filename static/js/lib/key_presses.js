/**
 * From single keys to what they mean: a key, or two in a row ("g w"). Pure.
 *
 *   const presses = new KeyPresses([{ keys: "j", … }, { keys: "g w", … }]);
 *   presses.press("g", 0);      // null: the first of two
 *   presses.press("w", 200);    // {keys: "g w", …}
 *   keyName({ key: "X", shiftKey: true })    // "Shift+x"; signs are what they are, however they are typed
 */

const SECOND_KEY_MS = 1_500;
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
    const meant = this.#table.find(({ keys }) => keys === (first ? `${first} ${key}` : key));
    if (!meant && !first && this.#begins(key)) {
      this.#first = key;
      this.#until = at + SECOND_KEY_MS;
    }
    return meant ?? null;
  }

  /** @param {string} key */
  #begins(key) {
    return this.#table.some(({ keys }) => keys.startsWith(`${key} `));
  }
}
