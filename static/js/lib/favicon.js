/** The icon of a tab that watches something: the shape and colour of a status. Pure. */

const TURN = 2 * Math.PI * 6;
/** @type {Record<string, string>} */
const SHAPES = {
  failed: '<path d="M6.500 2.500h7l4 4v7l-4 4h-7l-4-4v-7z" fill="COLOUR" stroke="none"/><path d="M7 7l6 6M13 7l-6 6" stroke="#fff"/>',
  quarantined: '<rect x="3" y="3" width="14" height="14" fill="COLOUR" stroke="none"/><path d="M7 7l6 6M13 7l-6 6" stroke="#fff"/>',
  succeeded: '<circle cx="10" cy="10" r="7.500" fill="COLOUR" stroke="none"/><path d="M6.500 10.300l2.500 2.500 4.600-5.200" stroke="#fff"/>',
  cancelled: '<circle cx="10" cy="10" r="6.500"/><path d="M5.500 14.500l9-9"/>',
  waiting: '<path d="M6 3.500h8M6 16.500h8M7 3.500c0 4 6 9 6 13M13 3.500c0 4-6 9-6 13"/>',
};

/**
 * @param {string} status @param {string} colour  of that status @param {number|null} [fraction]  of a running one's progress
 * @returns {string} the address of an image
 */
export function favicon(status, colour, fraction = null) {
  const shape = SHAPES[status] ?? ring(fraction ?? (status === "running" ? 0.4 : 0));
  const back = '<circle cx="10" cy="10" r="10" fill="#fff" stroke="none"/>';
  const group = `<g fill="none" stroke="${colour}" stroke-width="2.2" stroke-linecap="round">${back}${shape}</g>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">${group}</svg>`.replaceAll("COLOUR", colour);
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

/** As much of it drawn as is done, in twentieths: each change is another image. @param {number} exactly */
function ring(exactly) {
  const fraction = Math.round(exactly * 20) / 20;
  const rest = '<circle cx="10" cy="10" r="6" stroke-width="3.5" opacity="0.25"/>';
  const done = `stroke-dasharray="${(fraction * TURN).toFixed(1)} ${TURN.toFixed(1)}"`;
  return `${rest}<circle cx="10" cy="10" r="6" stroke-width="3.5" stroke-linecap="butt" transform="rotate(-90 10 10)" ${done}/>`;
}
