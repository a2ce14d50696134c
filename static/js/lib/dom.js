/** Making and changing nodes; text is always text. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag @param {Object<string, string>} [attributes] @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== ""));
  return node;
}

/** A symbol of the sheet in the page. @param {string} name */
export function icon(name) {
  const svg = svgElement("svg", { class: "icon", "aria-hidden": "true" });
  svg.append(svgElement("use", { href: `#icon-${name}` }));
  return svg;
}

/** @param {string} tag @param {Object<string, string|number>} attributes */
export function svgElement(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

/** Set the text only where it differs, so that a selection inside survives. @returns {boolean} whether it changed */
export function setText(node, text) {
  if (!node || node.textContent === text) return false;
  node.textContent = text;
  return true;
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

/** The JSON of a `<script type="application/json">`. @param {string} id @param {ParentNode} [root] @returns {any} */
export function json(id, root = document) {
  const script = root.querySelector(`script[type="application/json"]#${CSS.escape(id)}`);
  return script ? JSON.parse(script.textContent ?? "null") : null;
}
