import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as protocol from "../../static/js/live/protocol.js";

const python = readFileSync(new URL("../../dashboard/protocol.py", import.meta.url), "utf8");

/** The members of an enum in the Python twin, name -> value. */
function members(className) {
  const body = python.split(`class ${className}(`)[1].split("\n\n\n")[0];
  return Object.fromEntries(
    [...body.matchAll(/^ {4}([A-Z_]+) = "?([\w.]+)"?/gm)].map(([, name, value]) => [name.toLowerCase(), value]),
  );
}

function asText(words) {
  return Object.fromEntries(Object.entries(words).map(([name, value]) => [name, String(value)]));
}

/** The words of the messages of one direction, from the TypedDicts listed in Python. */
function kinds(listName) {
  const names = python.match(new RegExp(`^${listName} = \\(([^)]*)\\)`, "m"))[1].split(", ");
  return names.map((name) => {
    const body = python.split(new RegExp(`(?:class ${name}\\(|^${name} = )`, "m"))[1];
    return body.match(/"?t"?: Literal\["(\w+)"\]/)[1];
  });
}

test("close codes, error codes and reset reasons are those of the server", () => {
  assert.deepEqual(asText(protocol.CLOSE), members("CloseCode"));
  assert.deepEqual(asText(protocol.ERROR), members("ErrorCode"));
  assert.deepEqual(asText(protocol.RESET), members("ResetReason"));
});

test("both sides know the same messages", () => {
  assert.deepEqual(Object.values(protocol.CLIENT).sort(), [...new Set(kinds("CLIENT_MESSAGES"))].sort());
  assert.deepEqual(Object.values(protocol.SERVER).sort(), kinds("SERVER_FRAMES").sort());
});

/** The fields of the frames of the server, by its word: as the TypedDicts in Python name them. */
function fieldsInPython() {
  const names = python.match(/^SERVER_FRAMES = \(([^)]*)\)/m)[1].split(", ");
  return Object.fromEntries(
    names.map((name) => {
      const [, rest] = python.split(new RegExp(`^(?:class ${name}\\(TypedDict\\):|${name} = TypedDict\\()`, "m"));
      const [body] = rest.split(/\n\n\n|^\)/m);
      const fields = [...body.matchAll(/^ {4}(\w+): |"(\w+)": /gm)].map(([, one, other]) => one ?? other);
      return [body.match(/Literal\["(\w+)"\]/)[1], fields];
    }),
  );
}

/** The same, as the types of the browser's twin name them. */
function fieldsInTypes() {
  const source = readFileSync(new URL("../../static/js/live/protocol.js", import.meta.url), "utf8");
  return Object.fromEntries(
    [...source.matchAll(/@typedef \{\{t: "(\w+)"([^}]*)\}\}/g)].map(([, word, rest]) => {
      const outermost = rest.replace(/\[[^\]]+\]/g, "");
      return [word, ["t", ...[...outermost.matchAll(/(\w+): /g)].map(([, field]) => field)]];
    }),
  );
}

test("the types of the frames have the fields that the server sends", () => {
  assert.deepEqual(fieldsInTypes(), fieldsInPython());
});

test("both sides know the same version and limits", () => {
  assert.equal(protocol.VERSION, Number(python.match(/^VERSION = (\d+)/m)[1]));
  const block = python.split("LIMITS: Mapping")[1].split("\n}")[0];
  const limits = [...block.matchAll(/"(\w+)": ([\d.* ]+),/g)].map(([, name, sum]) => [
    name,
    sum.split("*").reduce((product, factor) => product * Number(factor), 1),
  ]);
  assert.deepEqual(protocol.LIMITS, Object.fromEntries(limits));
});

test("both sides know the same topics that are states", () => {
  const names = readFileSync(new URL("../../dashboard/topics.py", import.meta.url), "utf8");
  const words = Object.fromEntries([...names.matchAll(/^([A-Z]+) = "(\w+)"/gm)].map(([, name, word]) => [name, word]));
  const overviews = names.match(/^OVERVIEWS = \(([^)]*)\)/m)[1].split(", ");
  assert.deepEqual(protocol.OVERVIEW_TOPICS, overviews.map((name) => words[name]));
  assert.equal(protocol.LIST_TOPIC, words.LIST);
  assert.ok(python.includes(`topic: Literal[${protocol.OVERVIEW_TOPICS.map((word) => `"${word}"`).join(", ")}]`));
});

test("a subscription carries its cursor, or none", () => {
  const topic = protocol.workflowTopic("order-42");
  assert.deepEqual(JSON.parse(protocol.subscribeWorkflow(topic, null)), { t: "subscribe", topic: "workflow:order-42" });
  const at = { epoch: "e", seq: 7 };
  assert.deepEqual(JSON.parse(protocol.subscribeWorkflow(topic, at)).at, at);
});
