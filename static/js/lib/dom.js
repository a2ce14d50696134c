/** Making and changing nodes; text is always text. */

import { parse } from "./exact.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {string} Tag
 * @typedef {Tag extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[Tag] : HTMLElement} ElementOf
 */

/**
 * @template {string} Tag
 * @param {Tag} tag @param {Record<string, string>} [attributes] @param {...(Node|string)} children
 * @returns {ElementOf<Tag>}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== ""));
  return /** @type {ElementOf<Tag>} */ (node);
}

/** A symbol of the sheet in the page. @param {string} name */
export function icon(name) {
  const svg = svgElement("svg", { class: "icon", "aria-hidden": "true" });
  svg.append(svgElement("use", { href: `#icon-${name}` }));
  return svg;
}

/** @param {string} tag @param {Record<string, string|number>} attributes */
export function svgElement(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

/**
 * A node of which the page's template has one. Throws where the template lost it.
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root @param {string} selector @param {new () => T} [kind]
 * @returns {T}
 */
export function one(root, selector, kind = /** @type {new () => T} */ (/** @type {unknown} */ (HTMLElement))) {
  const node = root.querySelector(selector);
  if (node instanceof kind) return node;
  throw new TypeError(`the page has no ${kind.name} ${selector}`);
}

/**
 * Set the text only where it differs, so that a selection inside survives.
 * @param {Node|null|undefined} node @param {string|null} text @returns {boolean} whether it changed
 */
export function setText(node, text) {
  if (!node || node.textContent === text) return false;
  node.textContent = text;
  return true;
}

/**
 * Make a part of the page like a fresh one, in place where it can be: links, hovers and the focus stay where they are,
 * and so do elements that draw themselves: they have a method `renew(fresh)`, and what is around them has no bare text.
 * @param {Element} node @param {Element} fresh
 * @returns {boolean} false: what has the focus would be lost, or mean something else; then nothing has changed
 */
export function exchange(node, fresh) {
  const focus = node.contains(document.activeElement) ? document.activeElement : null;
  if (!keeps(node, fresh, focus)) return false;
  replace(node, fresh, focus);
  return true;
}

/** @param {Element} node @param {Element} fresh @param {Element|null} focus @returns {boolean} */
function keeps(node, fresh, focus) {
  if (focus === null || !node.contains(focus) || node.isEqualNode(fresh)) return true;
  if (!isSamePlace(node, fresh)) return false;
  if (drawsItself(node)) return true;
  if (node === focus) return node.localName === "a" || node.localName === "time-ago";
  const [children, others] = [[...node.children], [...fresh.children]];
  return children.length === others.length && children.every((child, place) => keeps(child, others[place], focus));
}

/** @param {Element} node @param {Element} fresh @param {Element|null} focus @returns {void} */
function replace(node, fresh, focus) {
  if (node.isEqualNode(fresh)) return;
  if (drawsItself(node) && isSamePlace(node, fresh)) return node.renew(fresh);
  if (focus === null || !node.contains(focus)) {
    if (isAlike(node, fresh)) return refill(node, fresh);
    if (!leadsToDrawing(node, fresh)) return node.replaceWith(fresh);
  }
  copyAttributes(node, fresh);
  if (node === focus) return node.replaceChildren(...fresh.childNodes);
  const others = [...fresh.children];
  [...node.children].forEach((child, place) => replace(child, others[place], focus));
}

/** @param {Element} node @param {Element} other */
const isSamePlace = (node, other) => node.nodeName === other.nodeName && node.getAttribute("href") === other.getAttribute("href");

/** A method of an element that draws itself. @typedef {Element & {renew: (fresh: Element) => void}} Drawing */

/** @param {Node} node @returns {node is Drawing} */
const drawsItself = (node) => "renew" in node;

/** Whether an element that draws itself is inside, at the same place in both. @param {Element} node @param {Element} other */
function leadsToDrawing(node, other) {
  const fits = isSamePlace(node, other) && node.children.length === other.children.length;
  return fits && [...node.querySelectorAll("*")].some(drawsItself);
}

/**
 * The same elements and links; texts and attributes may differ.
 * @param {Node} node @param {Node} other @returns {boolean}
 */
function isAlike(node, other) {
  if (node.nodeType !== other.nodeType) return false;
  if (!(node instanceof Element && other instanceof Element)) return true;
  if (drawsItself(node)) return isSamePlace(node, other);
  if (!isSamePlace(node, other) || node.children.length !== other.children.length) return false;
  if (node.children.length === 0) return true;
  const [children, others] = [[...node.childNodes], other.childNodes];
  return children.length === others.length && children.every((child, place) => isAlike(child, others[place]));
}

/** @param {Element} node @param {Element} fresh @returns {void} */
function refill(node, fresh) {
  if (drawsItself(node)) return node.renew(fresh);
  copyAttributes(node, fresh);
  if (node.children.length === 0) return void setText(node, fresh.textContent);
  node.childNodes.forEach((child, place) => {
    const other = fresh.childNodes[place];
    if (child instanceof Element && other instanceof Element) refill(child, other);
    else setText(child, other.textContent);
  });
}

/** @param {Element} node @param {Element} fresh */
function copyAttributes(node, fresh) {
  for (const { name } of [...node.attributes]) if (!fresh.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Whoever selects text in a part of the page, or has a menu of it open, must not lose that. @param {Element} part */
export function isBusyIn(part) {
  const selection = getSelection();
  const selects = selection !== null && !selection.isCollapsed && selection.containsNode(part, true);
  return selects || part.querySelector("details[open]") !== null;
}

const HIDDEN_MS = 1_000;

/** Act before the next paint; in a hidden tab, which paints nothing, within a second or so. @param {() => void} act */
export function beforePaint(act) {
  const frame = requestAnimationFrame(() => {
    clearTimeout(timer);
    act();
  });
  const timer = setTimeout(() => {
    cancelAnimationFrame(frame);
    act();
  }, HIDDEN_MS);
}

/** Let a changed cell glow once, from the start. @param {Element} node */
export function flash(node) {
  node.classList.remove("flash");
  void (/** @type {HTMLElement} */ (node).offsetWidth); // restarts the animation
  node.classList.add("flash");
}

/**
 * The JSON of a `<script type="application/json">`; null where there is none.
 * @param {string} id @param {ParentNode} [root] @returns {unknown}
 */
export function json(id, root = document) {
  const script = root.querySelector(`script[type="application/json"]#${CSS.escape(id)}`);
  return script ? parse(script.textContent ?? "null") : null;
}
