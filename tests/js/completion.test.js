import assert from "node:assert/strict";
import { test } from "node:test";

import { accept, mayBeTerm, offersFor } from "../../static/js/lib/completion.js";

const WORDS = {
  statuses: ["failed", "queued", "running"],
  definitions: ["shop.checkout", "shop.refund"],
  keys: ["amount", "my key", "a:b"],
  recent: ["status:failed since:2h"],
};
const texts = (text, caret = text.length) => offersFor(text, caret, WORDS).map((offer) => offer.text);

test("an empty field offers what was searched for before, and the fields", () => {
  assert.deepEqual(texts(""), ["status:failed since:2h", "status:", "name:", "id:", "since:", "parent:", "event.", "key:"]);
});

test("the beginning of a word offers the fields that begin so", () => {
  assert.deepEqual(texts("s"), ["status:", "since:"]);
  assert.deepEqual(texts("order-4"), []);
  assert.deepEqual(texts("status:failed "), ["status:", "name:", "id:", "since:", "parent:", "event.", "key:"]);
});

test("behind a colon stand the words of the field", () => {
  assert.deepEqual(texts("status:f"), ["status:failed"]);
  assert.deepEqual(texts("status:failed,"), ["status:failed,queued", "status:failed,running"]);
  assert.deepEqual(texts("name:shop."), ["name:shop.checkout", "name:shop.refund"]);
  assert.deepEqual(texts("parent:"), ["parent:none"]);
  assert.deepEqual(texts("parent:order-4"), []);
  assert.deepEqual(texts("since:"), ["since:15m", "since:1h", "since:24h", "since:7d"]);
  assert.deepEqual(texts("key:"), ["key:amount", 'key:"my key"', "key:a:b"]);
  assert.deepEqual(texts("event."), ["event.amount:", "event.my%20key:", "event.a%3Ab:"]);
});

test("the word under the caret is what is completed, and the rest stays", () => {
  assert.deepEqual(texts("sta name:x", 3), ["status:"]);
  assert.deepEqual(accept("sta name:x", 3, { text: "status:", says: "" }), { text: "status: name:x", caret: 7 });
  assert.deepEqual(accept("status:f", 8, { text: "status:failed", says: "" }), { text: "status:failed ", caret: 14 });
  assert.deepEqual(accept("x", 1, { text: "since:1h", says: "", whole: true }), { text: "since:1h", caret: 8 });
});

test("what is complete is offered no more", () => {
  assert.deepEqual(texts("status:failed"), []);
});

test("a word that may become a term is not looked for as an id", () => {
  for (const word of ["s", "status", "status:", "event.amount:>5", "key:x", "i"]) assert.equal(mayBeTerm(word), true, word);
  for (const word of ["", "order-42", "sx", "statuses"]) assert.equal(mayBeTerm(word), false, word);
});
