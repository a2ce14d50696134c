/** How fast a history went, as a shape. Pure. */

import { SECOND, between } from "./times.js";

const HEIGHT = 10;

/**
 * The outline of steps from one place to the next: the higher, the more events a second.
 * @param {[number, string][]} places  seq and time, ascending
 */
export function paceShape(places) {
  const steps = places.slice(1).map(([seq, at], index) => {
    const [seqBefore, before] = places[index];
    return { seq, rate: (seq - seqBefore) / Math.max(0.001, between(before, at) / SECOND) };
  });
  if (steps.length === 0) return "";
  const most = Math.log1p(Math.max(...steps.map(({ rate }) => rate)));
  const outline = steps.map(({ seq, rate }) => `V${((1 - Math.log1p(rate) / most) * HEIGHT).toFixed(2)}H${seq}`);
  return `M${places[0][0]} ${HEIGHT}${outline.join("")}V${HEIGHT}Z`;
}
