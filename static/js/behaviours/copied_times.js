/** Whoever copies a time gets it as ISO 8601 with its offset, which means the same wherever it is pasted. */

import { isoWithOffset } from "../lib/zone.js";

const TIMES = "time[datetime], time-ago[datetime]";

export function copiedTimes() {
  document.addEventListener("copy", (event) => {
    const selection = getSelection();
    if (!selection || selection.isCollapsed || !event.clipboardData) return;
    const inside = aroundAll(selection);
    if (inside) {
      event.clipboardData.setData("text/plain", isoOf(inside));
      event.preventDefault();
    } else writeOut(selection);
  });
}

/** The time that holds the whole selection. @param {Selection} selection @returns {Element|null} */
function aroundAll(selection) {
  const holder = selection.getRangeAt(0).commonAncestorContainer;
  return (holder instanceof Element ? holder : holder.parentElement)?.closest(TIMES) ?? null;
}

/** For as long as the browser takes the text, each time that is selected as a whole reads as it is to be pasted. @param {Selection} selection */
function writeOut(selection) {
  const within = selection.getRangeAt(0).commonAncestorContainer;
  if (!(within instanceof Element)) return;
  const times = [...within.querySelectorAll(TIMES)].filter((time) => selection.containsNode(time));
  const texts = times.map((time) => time.textContent);
  for (const time of times) time.textContent = isoOf(time);
  setTimeout(() => times.forEach((time, place) => (time.textContent = texts[place])));
}

/** @param {Element} time */
function isoOf(time) {
  return isoWithOffset(time.getAttribute("datetime") ?? "");
}
