import assert from "node:assert/strict";
import { test } from "node:test";

import { KeyPresses, keyName } from "../../static/js/lib/key_presses.js";

const TABLE = ["j", "n", "g w", "g n"].map((keys) => ({ keys }));
const pressed = (...presses) => {
  const keys = new KeyPresses(TABLE);
  return presses.map(([key, at]) => keys.press(key, at)?.keys ?? null);
};

test("a key means itself, and an unknown one nothing", () => {
  assert.deepEqual(pressed(["j", 0], ["z", 10], ["Enter", 20]), ["j", null, null]);
});

test("two keys in a row mean one thing", () => {
  assert.deepEqual(pressed(["g", 0], ["w", 300], ["w", 400]), [null, "g w", null]);
});

test("after the first of two, the second is not taken for itself", () => {
  assert.deepEqual(pressed(["g", 0], ["n", 300], ["n", 600]), [null, "g n", "n"]);
});

test("a second key that comes too late, or means nothing, starts from the beginning", () => {
  assert.deepEqual(pressed(["g", 0], ["n", 2_000]), [null, "n"]);
  assert.deepEqual(pressed(["g", 0], ["z", 100], ["w", 200]), [null, null, null]);
  assert.deepEqual(pressed(["g", 0], ["g", 100], ["w", 200]), [null, null, null]);
});

test("a key that may be the first of two means itself when nothing follows, or when it is pressed twice", () => {
  const keys = new KeyPresses([...TABLE, { keys: "g" }]);
  assert.equal(keys.press("g", 0), null);
  assert.equal(keys.alone?.keys, "g");
  assert.equal(keys.press("w", 300)?.keys, "g w");
  assert.equal(keys.alone, null);
  assert.equal(keys.press("g", 400), null);
  assert.equal(keys.press("g", 600)?.keys, "g");
  assert.equal(keys.alone, null);
  assert.equal(keys.press("g", 700), null);
  assert.equal(keys.press("z", 800), null); // neither
  assert.equal(keys.alone, null);
});

test("a letter is the same with Caps Lock, and another key with Shift; signs are what they are", () => {
  const names = [["x", false], ["X", true], ["X", false], ["x", true], ["?", true], ["*", false], ["ArrowLeft", false], ["ArrowRight", true], [" ", false], ["Escape", true]];
  const found = names.map(([key, shiftKey]) => keyName({ key, shiftKey }));
  assert.deepEqual(found, ["x", "Shift+x", "x", "Shift+x", "?", "*", "←", "Shift+→", "Space", "Escape"]);
});
