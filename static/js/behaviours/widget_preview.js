/** The form of a widget beside what it makes: the preview follows what is ticked and typed, and the workflow itself. */

const PERIOD_MS = 2000;
const PAUSE_MS = 200; // after a key

export function widgetPreview() {
  const form = /** @type {HTMLFormElement|null} */ (document.querySelector('[data-behaviour="widget-preview"]'));
  if (form) new Preview(form).begin();
}

class Preview {
  #form;
  #timer = 0;
  #asked = 0;

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.#form = form;
  }

  begin() {
    this.#form.addEventListener("input", () => this.#schedule(PAUSE_MS));
    this.#refresh();
  }

  /** @param {number} ms */
  #schedule(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), ms);
  }

  async #refresh() {
    const number = (this.#asked += 1);
    try {
      if (document.visibilityState === "visible") await this.#show(number);
    } catch {
      this.#each((element) => element.stale());
    }
    if (number === this.#asked) this.#schedule(PERIOD_MS);
  }

  /** @param {number} number  an answer that was overtaken is not shown */
  async #show(number) {
    const address = new URL(this.#form.dataset.preview ?? "", location.href);
    const given = new FormData(this.#form);
    for (const name of ["name", "keys"]) for (const value of given.getAll(name)) address.searchParams.append(name, String(value));
    const answer = await fetch(address, { redirect: "error", cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const state = await answer.json();
    if (number === this.#asked) this.#each((element) => element.show(state));
  }

  /** @param {(element: any) => void} act */
  #each(act) {
    for (const element of document.querySelectorAll(".widget__preview telltale-status")) act(element);
  }
}
