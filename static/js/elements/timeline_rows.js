/** Rows of the timeline as nodes: the twin of the rows in `dashboard/workflow/_timeline.html`. */

import { element, one, setText, svgElement } from "../lib/dom.js";
import { errorLine } from "../lib/sentences.js";
import { AXIS, bar, took } from "../lib/timeline.js";

const BAR = { class: "bar", viewBox: "0 0 1000 12", preserveAspectRatio: "none", "aria-hidden": "true" };

/** @typedef {import("../live/protocol.js").Step} Step */
/** @typedef {{at: (time: string|number) => number, first: number, length: number}} Scale  where times are, and what is in sight */

/** @param {Element} row @param {Scale} scale @param {string} start @param {string|number} end */
export function paintBar(row, { at, first, length }, start, end) {
  const { x, width } = bar(at(start), at(end), first, length);
  const rect = one(row, "rect", SVGElement);
  rect.setAttribute("x", String(x));
  rect.setAttribute("width", String(width));
}

/** One bar per phase. @param {Element} svg @param {Scale} scale @param {{status: string, since: string, until: string|number}[]} phases */
export function paintPhases(svg, { at, first, length }, phases) {
  const rects = [...svg.querySelectorAll("rect")];
  phases.forEach(({ status, since, until }, place) => {
    const { x, width } = bar(at(since), at(until), first, length);
    const rect = rects[place] ?? svg.appendChild(svgElement("rect", { y: 4, height: 7, rx: 1 }));
    for (const [name, value] of Object.entries({ class: "bar__phase tone", "data-status": status, x, width })) {
      rect.setAttribute(name, String(value));
    }
  });
  for (const rect of rects.slice(phases.length)) rect.remove();
}

/** One line per event. @param {Element} path @param {Scale} scale @param {string[]} events */
export function paintEvents(path, { at, first, length }, events) {
  const places = events.map(at).filter((place) => place >= first && place <= first + length);
  path.setAttribute("d", places.map((place) => `M${Math.floor(((place - first) * AXIS) / length)} 0V3`).join(""));
}

/** @param {Step} step @param {string} payloads  the address of payloads */
export function stepRow({ position, name, status }, payloads) {
  const number = element("span", { class: "timeline__position" }, String(position));
  const href = `${payloads}?of=step&position=${position}`;
  const open = element("a", { class: "timeline__open", href, title: "What it returned" }, name);
  return barRow({ "data-position": String(position), "data-status": status }, number, badge(status), open);
}

/** What a step returned, in a row of its own. @param {MouseEvent} event */
export function toggleOutput(event) {
  const link = /** @type {HTMLAnchorElement|null} */ (/** @type {Element} */ (event.target).closest("a.timeline__open"));
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return undefined;
  event.preventDefault();
  const row = /** @type {HTMLElement} */ (link.closest("tr"));
  const of = String(row.dataset.position);
  const shown = row.parentElement?.querySelector(`.timeline__output[data-of="${of}"]`);
  link.setAttribute("aria-expanded", String(!shown));
  if (shown) return shown.remove();
  const viewer = element("json-viewer", { "data-src": `${link.href}&view=tree` });
  const cell = element("td", { colspan: "3" }, viewer);
  const error = row.nextElementSibling?.matches(".timeline__error") ? row.nextElementSibling : row;
  return error.after(element("tr", { class: "timeline__output", "data-of": of }, cell));
}

/** @param {import("../lib/timeline.js").Child} child */
export function childRow({ id, url, definition, status }) {
  const link = element("a", { href: url, title: id }, definition);
  const number = element("span", { class: "timeline__position" }, "↳");
  return barRow({ "data-child": id, "data-status": status }, number, badge(status), link);
}

/** @param {string} status */
function badge(status) {
  return element("status-badge", { "data-status": status, "data-icon-only": "" });
}

/** @param {Record<string, string>} attributes @param {...Node} name */
function barRow(attributes, ...name) {
  const svg = svgElement("svg", BAR);
  svg.append(svgElement("rect", { class: "bar__fill", y: 1, height: 10, rx: 1.5 }));
  return element(
    "tr",
    { class: "tone", ...attributes },
    element("td", { class: "timeline__name" }, element("span", {}, ...name)),
    element("td", {}, svg),
    element("td", { class: "timeline__duration" }),
  );
}

/** @param {Element} row @param {string} status */
export function paintStatus(row, status) {
  /** @type {HTMLElement} */ (row).dataset.status = status;
  /** @type {HTMLElement} */ (row.querySelector("status-badge")).dataset.status = status;
}

/** @param {Element} row @param {number} attempt */
export function paintAttempt(row, attempt) {
  if (attempt < 2) return;
  const name = one(row, ".timeline__name > span");
  if (!name.querySelector(".timeline__attempt")) name.append(element("span", { class: "timeline__attempt" }));
  setText(name.querySelector(".timeline__attempt"), `attempt ${attempt}`);
}

/** The error of a step in a row of its own. @param {Element} row @param {Step} step */
export function paintError(row, { position, error }) {
  const next = row.nextElementSibling;
  let line = next?.matches(".timeline__error") ? next : null;
  if (!error) return line?.remove();
  if (!line) {
    line = element("tr", { class: "timeline__error", "data-of": String(position) }, element("td", { colspan: "3" }));
    row.after(line);
  }
  return setText(line.firstElementChild, errorLine(error));
}

/** @param {Element} row @param {string|null} start @param {string|null} end @param {number} now */
export function paintDuration(row, start, end, now) {
  setText(row.querySelector(".timeline__duration"), took(start, end, now));
}
