/** One row of the history as nodes: the twin of the templates `dashboard/workflow/_event.html` and `_diff.html`. */

import { element } from "../lib/dom.js";
import { absolute, timeOfDay } from "../lib/times.js";

/**
 * @param {import("../lib/history.js").HistoryRow} row
 * @param {{event: string, moment: string}} addresses  of the event as it is stored, and of the page at that moment
 */
export function paintRow({ seq, first, at, label, tone, source, delta, ...rest }, { event, moment }) {
  const all = { class: "history__open", href: event, "aria-label": `All of event ${seq}`, title: "All of it (Enter)" };
  return element(
    "li",
    { class: "history__row", id: `event-${seq}`, "data-seq": String(seq), "data-first": String(first) },
    element("a", { class: "history__seq", href: moment, title: "The workflow after this event" }, String(seq)),
    element("time", { class: "history__at", datetime: at, title: absolute(at) }, timeOfDay(at)),
    element("span", { class: "history__delta" }, delta),
    element("span", { class: "history__label tone", "data-status": tone }, label),
    paintChange(rest),
    element("span", { class: "history__source" }, source),
    element("a", all),
  );
}

/** @param {{subject: string, count: number, detail: string, diff: import("../lib/values.js").Diff|null}} row */
function paintChange({ subject, count, detail, diff }) {
  const what = element("span", { class: "history__what" });
  if (subject) what.append(element("span", { class: "history__subject" }, subject));
  if (count > 1) what.append(element("span", { class: "history__count" }, `${count.toLocaleString("en")} updates`));
  if (detail) what.append(element("span", { class: "history__detail" }, detail));
  if (diff) what.append(paintDiff(diff));
  return what;
}

function arrow() {
  return element("span", { class: "diff__arrow", "aria-hidden": "true" }, "→");
}

/** @param {import("../lib/values.js").Diff} diff */
function paintDiff({ changes, more }) {
  const box = element("span", { class: "diff" }, ...changes.map(paintPath));
  if (changes.length === 0) box.append(element("span", { class: "diff__more" }, "set again, unchanged"));
  if (more) box.append(element("span", { class: "diff__change diff__more" }, `and ${more} more`));
  return box;
}

/** @param {import("../lib/values.js").Change} change */
function paintPath({ path, old, new: now, delta }) {
  const box = element("span", { class: "diff__change" });
  if (path) box.append(element("span", { class: "diff__path" }, path));
  if (old !== null) {
    box.append(element("del", { class: "diff__old" }, old), arrow());
    if (now === null) box.append(element("span", { class: "diff__more" }, "removed"));
  }
  if (now !== null) box.append(element("ins", { class: `diff__new${old === null ? " diff__new--first" : ""}` }, now));
  if (delta) box.append(" ", element("span", { class: "diff__delta" }, delta));
  return box;
}
