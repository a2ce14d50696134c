/** How long to wait before the next try to connect: 0.25 s, doubled to 8 s, ±20 % so that many browsers spread. Pure. */

const FIRST = 0.25;
const LAST = 8;
const JITTER = 0.2;
const SPREAD = 3;

/** Seconds a connection must have lived for the next loss to count as the first again. */
export const HEALTHY_SECONDS = 30;

/**
 * @param {number} tries  tries that have failed in a row, from 1
 * @param {() => number} [random]  a number in [0, 1)
 * @returns {number} seconds
 */
export function delay(tries, random = Math.random) {
  const base = Math.min(LAST, FIRST * 2 ** (Math.max(1, tries) - 1));
  return base * (1 - JITTER + 2 * JITTER * random());
}

/** Seconds, anywhere up to three: for a thousand browsers that lose the same server at the same moment. */
export function spread(random = Math.random) {
  return FIRST + (SPREAD - FIRST) * random();
}
