/** How the live connection is, in words. Pure. */

import { CLOSE } from "../live/protocol.js";
import { ago, clock, wholeDuration } from "./times.js";

/** @typedef {import("../live/standing.js").LiveState} LiveState */
/**
 * What the words need beyond the state, times in ms:
 * @typedef {{now: number, quiet: number, behind: number|null}} Moment
 *   now: the local clock; quiet: for how long nothing moved; behind: how late the server is, if it is
 */

const MINUTE = 60_000;

/**
 * Which of the states a reader sees; what hides behind another one is in the details.
 * @param {LiveState} state @param {number|null} behind @returns {Shown}
 */
export function shownState({ name, paused, transport }, behind) {
  if (name === "signed_out" || name === "forbidden") return name;
  if (paused) return "paused";
  if (name !== "live") return name;
  if (behind !== null) return "behind";
  return transport === "polling" ? "polling" : "live";
}

/** What a reader sees, of `shownState`. @typedef {keyof typeof ANNOUNCED} Shown */

/** @type {Record<Shown, (state: LiveState, moment: Moment) => string>} */
const WORDS = {
  connecting: () => "Connecting…",
  live: (_state, { quiet }) => `Live${quietFor(quiet)}`,
  polling: (_state, { quiet }) => `Live by polling${quietFor(quiet)}`,
  behind: (_state, { behind }) => `Server is ${Math.round((behind ?? 0) / 1000)} s behind`,
  paused: ({ asOf, waiting }) => `Paused ${clock(asOf ?? 0)}${waiting > 0 ? `, ${grouped(waiting)} waiting` : ""}`,
  reconnecting: ({ tries, retryAt }, { now }) => `Reconnecting (try ${tries}${inSeconds(retryAt, now)})`,
  signed_out: () => "Signed out",
  forbidden: () => "Your account may no longer watch this",
};

/** One line. @param {Shown} shown @param {LiveState} state @param {Moment} moment */
export function words(shown, state, moment) {
  return WORDS[shown](state, moment);
}

/** Minutes are enough: a text that changes every second would say that something happens. @param {number} ms */
function quietFor(ms) {
  return ms < MINUTE ? "" : `, quiet ${wholeDuration(ms).replace(/ \d\d s$/, "")}`;
}

/** @param {number|null} retryAt @param {number} now */
function inSeconds(retryAt, now) {
  const seconds = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1000);
  return seconds > 0 ? `, ${seconds} s` : "";
}

/** @param {number} number */
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
/** @param {number} count */
const events = (count) => `${grouped(count)} event${count === 1 ? "" : "s"}`;

/** What a reader without eyes hears when the state changes to this. */
export const ANNOUNCED = {
  connecting: "",
  live: "Live",
  polling: "Live by polling",
  behind: "The server is behind; what you see is late.",
  paused: "Paused; what you see stands still.",
  reconnecting: "Connection lost; what you see is as of now. Reconnecting.",
  signed_out: "Signed out",
  forbidden: "Your account may no longer watch this",
};

/** The server's word after a loss or a pause. @param {import("../live/catch_up.js").CaughtUp} caughtUp */
export function receipt({ cause, away, replayed, topics }) {
  const after = away >= 1000 ? ` after ${wholeDuration(away)}` : "";
  const again = cause === "pause" ? `Going on${after}.` : `Reconnected${after}.`;
  return topics === 0 ? `${again} The list is up to date.` : `${again} Replayed ${events(replayed)}, no gap.`;
}

/** @type {Record<string, string>} */
const RESYNCS = {
  trimmed: "History shortened by retention",
  epoch: "This is another history now: the database was restored, or the workflow made anew",
  ahead: "The server knows fewer events than this page did: its database was set back",
};

/** Why a view is not what it was. @param {{reason: string, seq: number}} resync */
export function resynced({ reason, seq }) {
  return `${RESYNCS[reason] ?? "The server could not go on from here"}; view rebuilt at event ${grouped(seq)}.`;
}

/** @type {Record<Shown, string>} */
const EXPLAINED = {
  connecting: "The first connection is being made.",
  live: "Every event is shown as it is committed.",
  polling: "No WebSocket gets through to the server, so the page asks every 2 seconds what is new, and goes on trying.",
  behind: "Events arrive late: the server, or its database, has more to do than it can.",
  paused: "You paused this page. Its place is kept; going on replays what came meanwhile.",
  reconnecting: "The server cannot be reached. What you see stands still; nothing will be missing once it can.",
  signed_out: "Your session has ended.",
  forbidden: "Ask an administrator for the right to view workflows.",
};

/**
 * The facts behind the words, label and text each.
 * @param {Shown} shown @param {LiveState} state
 * @param {{now: number, last: {seq?: number, at: string}|null, p50: number|null, p95: number|null,
 *   code: number|null}} known
 *   now: the server's clock; last: the newest event here; code: why the last socket was closed
 * @returns {[string, string][]}
 */
export function facts(shown, state, { now, last, p50, p95, code }) {
  const polls = state.transport === "polling";
  const many = code === CLOSE.too_many ? " (too many pages of yours are open)" : "";
  /** @type {[string, string][]} */
  const pairs = [
    ["", EXPLAINED[shown]],
    ["Last event", last ? `${ago(last.at, now)}${last.seq ? `, number ${grouped(last.seq)}` : ""}` : "none yet"],
    ["Delay", p50 === null ? "not measured yet" : `p50 ${inMs(p50)}, p95 ${inMs(p95 ?? p50)} after the commit`],
    ["Transport", polls ? `HTTP polling${many}` : "WebSocket"],
  ];
  if (state.caughtUp) pairs.push(["Last return", receipt(state.caughtUp)]);
  if (state.resync) pairs.push(["Rebuilt", resynced(state.resync)]);
  return pairs;
}

/** @param {number} ms */
function inMs(ms) {
  return ms < 10_000 ? `${grouped(ms)} ms` : wholeDuration(ms);
}
