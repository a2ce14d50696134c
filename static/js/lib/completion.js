/**
 * What the search field offers for the word under the caret. Pure.
 *
 *   const words = {statuses, definitions, keys, recent};
 *   const offers = offersFor("status:f", 8, words);      // [{text: "status:failed", says: ""}]
 *   accept("status:f", 8, offers[0]);                     // {text: "status:failed ", caret: 14}
 */

const MOST = 8;
const SINCE = ["15m", "1h", "24h", "7d"];

/** @typedef {{text: string, says: string, whole?: boolean}} Offer  `whole`: in place of everything typed */
/** @typedef {{statuses: string[], definitions: string[], keys: string[], recent: string[]}} Words */

/** The terms of the search field, each with what it says. @type {[field: string, says: string][]} */
const FIELDS = [
  ["status:", "failed, running, …"],
  ["name:", "a definition, or its beginning and *"],
  ["id:", "the beginning of an id"],
  ["since:", "created in the last 15m, 2h, 7d"],
  ["parent:", "children of this id, or none: without a parent"],
  ["event.", "what a key's value must be, as event.amount:>0.5"],
  ["key:", "has published this key"],
];

/** Whether a word may become a term: then nobody wants it looked for as an id yet. @param {string} word */
export function mayBeTerm(word) {
  return word !== "" && FIELDS.some(([field]) => field.startsWith(word) || word.startsWith(field));
}

/** @param {string} text @param {number} caret @param {Words} words @returns {Offer[]} */
export function offersFor(text, caret, words) {
  const word = wordAt(text, caret);
  const recent = words.recent.map((each) => ({ text: each, says: "recent", whole: true }));
  if (text.trim() === "") return [...recent, ...fields("")].slice(0, MOST);
  const [name, ...rest] = word.split(":");
  const begun = rest.join(":");
  const offered = word.includes(":") ? valuesOf(name, begun, words) : [...fields(word), ...eventKeys(word, words)];
  return offered.filter((offer) => offer.text !== word).slice(0, MOST);
}

/**
 * The text with an offer in place of the word, and where the caret is then.
 * @param {string} text @param {number} caret @param {Offer} offer
 */
export function accept(text, caret, offer) {
  const { text: offered, whole = false } = offer;
  if (whole) return { text: offered, caret: offered.length };
  const word = wordAt(text, caret);
  const before = text.slice(0, caret - word.length);
  const after = text.slice(caret).replace(/^\S+/, "");
  const end = isOpen(offered) || after.startsWith(" ") ? "" : " ";
  return { text: before + offered + end + after, caret: before.length + offered.length + end.length };
}

/** @param {string} offered */
const isOpen = (offered) => /(:|\.)$/.test(offered);
/** @param {string} text @param {number} caret */
const wordAt = (text, caret) => /\S*$/.exec(text.slice(0, caret))?.[0] ?? "";

/** @param {string} word @returns {Offer[]} */
const fields = (word) => FIELDS.filter(([field]) => field.startsWith(word)).map(([text, says]) => ({ text, says }));

/** @param {string[]} all @param {string} begun @param {(one: string) => string} make @returns {Offer[]} */
function offers(all, begun, make) {
  return all.filter((one) => one.startsWith(begun)).map((one) => ({ text: make(one), says: "" }));
}

/** @param {string} word @param {Words} words */
function eventKeys(word, { keys }) {
  return word.startsWith("event.") ? offers(keys.map(spelled), word.slice(6), (key) => `event.${key}:`) : [];
}

/** What may stand behind the colon of a field. @param {string} field @param {string} begun @param {Words} words */
function valuesOf(field, begun, { statuses, definitions, keys }) {
  if (field === "status") return statusOffers(begun, statuses);
  if (field === "name") return offers(definitions, begun, (name) => `name:${name}`);
  if (field === "since") return offers(SINCE, begun, (age) => `since:${age}`);
  if (field === "parent") return offers(["none"], begun, (one) => `parent:${one}`);
  return field === "key" ? offers(keys, begun, (key) => `key:${key.includes(" ") ? `"${key}"` : key}`) : [];
}

/** Several statuses stand behind one colon, with commas between them. @param {string} begun @param {string[]} statuses */
function statusOffers(begun, statuses) {
  const chosen = begun.split(",").slice(0, -1);
  const last = begun.slice(begun.lastIndexOf(",") + 1);
  return offers(statuses.filter((one) => !chosen.includes(one)), last, (one) => `status:${[...chosen, one].join(",")}`);
}

/** A key as a term about its value spells it. @param {string} key */
function spelled(key) {
  return key.replace(/[%:\s"]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}
