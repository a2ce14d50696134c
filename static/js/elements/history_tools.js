/** The tools above the history: what is chosen of it, in the form and in the address; which end is on top; where to go. */

import { one } from "../lib/dom.js";

const ORDER = "history-order";
const TYPING_MS = 350;
/** @typedef {{kind: string, key: string, find: string, group: string}} Choice */

export class HistoryTools {
  #root;
  #typing = 0;

  /**
   * @param {HTMLElement} root
   * @param {{choose: () => void, turn: () => void, jump: (seq: number) => void}} act  what people ask for
   * @param {AbortSignal} signal
   */
  constructor(root, act, signal) {
    this.#root = root;
    const form = this.#form;
    form.querySelector("[type=submit]")?.remove();
    for (const part of [".history__buttons", ".history__jump"]) one(root, part).hidden = false;
    for (const link of root.querySelectorAll("nav")) link.hidden = true;
    const choose = () => {
      clearTimeout(this.#typing);
      this.#name();
      act.choose();
    };
    form.addEventListener("submit", (event) => this.#submitted(event, choose), { signal });
    form.addEventListener("change", ({ target }) => target !== this.#jump && choose(), { signal });
    this.#field("find").addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(choose, TYPING_MS);
    }, { signal });
    this.#jump.addEventListener("keydown", (event) => this.#pressed(event, act.jump), { signal });
    this.#button("group").addEventListener("click", () => this.#toggle("group", choose), { signal });
    this.#button("diff").addEventListener("click", () => this.#toggle("diff", () => root.toggleAttribute("data-plain")), { signal });
    this.#button("wide").addEventListener("click", () => this.#widen(), { signal });
    this.#button("order").addEventListener("click", () => this.#turn(act.turn), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#typing));
    this.#sayOrder();
  }

  /** What is chosen now. @returns {Choice} */
  get choice() {
    const text = (/** @type {string} */ name) => this.#field(name).value.trim();
    const group = this.#button("group").getAttribute("aria-pressed") === "true" ? "1" : "";
    return { kind: text("kind"), key: text("key"), find: text("find"), group };
  }

  get isNewestFirst() {
    return localStorage.getItem(ORDER) !== "oldest";
  }

  /** @param {Event} event @param {() => void} choose */
  #submitted(event, choose) {
    event.preventDefault();
    if (document.activeElement !== this.#jump) choose();
  }

  /** @param {KeyboardEvent} event @param {(seq: number) => void} jump */
  #pressed(event, jump) {
    if (event.key !== "Enter") return;
    const seq = Number(this.#jump.value.replace(/[\s,.#]/g, ""));
    if (Number.isInteger(seq) && seq > 0) jump(seq);
  }

  /** @param {string} name @param {() => void} then */
  #toggle(name, then) {
    const button = this.#button(name);
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    then();
  }

  #widen() {
    this.#toggle("wide", () => this.#root.closest(".workflow-grid")?.toggleAttribute("data-wide"));
    this.#root.scrollIntoView({ block: "nearest" });
  }

  /** @param {() => void} then */
  #turn(then) {
    if (this.isNewestFirst) localStorage.setItem(ORDER, "oldest");
    else localStorage.removeItem(ORDER);
    this.#sayOrder();
    then();
  }

  /** The button names what it would do. */
  #sayOrder() {
    this.#button("order").textContent = this.isNewestFirst ? "Oldest first" : "Newest first";
  }

  /** The address says what is chosen, so that it can be passed on. */
  #name() {
    const address = new URL(location.href);
    address.searchParams.delete("before");
    for (const [name, term] of Object.entries(this.choice)) {
      if (term) address.searchParams.set(name, term);
      else address.searchParams.delete(name);
    }
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  }

  /** @param {string} act */
  #button(act) {
    return one(this.#root, `[data-act="${act}"]`);
  }

  /** @param {string} name @returns {HTMLInputElement} */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.#form.elements.namedItem(name));
  }

  get #form() {
    return one(this.#root, ".history__tools", HTMLFormElement);
  }

  get #jump() {
    return one(this.#root, "#history-jump", HTMLInputElement);
  }
}
