/** <telltale-status token="tw_…">: a widget of Telltale, live, in any page. One file without dependency (docs/guides/embedding.md). */
(() => {
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  if (customElements.get("telltale-status")) return;
  const HOME = new URL("..", script.src);
  const LIVE = new URL("live/", HOME.href.replace(/^http/, "ws"));
  const [POLL_MS, SILENCE_MS, FIRST_MS, SLOWEST_MS, TICK_MS, MOST] = [10_000, 40_000, 500, 60_000, 500, 200];
  /** Shape, word and colour together: none of them alone says the status. @type {Record<string, string>} */
  const SHAPES = {
    queued: "M8 2.5a5.500 5.500 0 1 0 .01 0z",
    delayed: "M8 2a6 6 0 1 0 .01 0zM8 4.500V8l2.500 1.500",
    running: "M8 2.500A5.500 5.500 0 1 1 2.500 8",
    waiting: "M4 2h8M4 14h8M5 2v2.500L8 8l3-3.500V2M5 14v-2.500L8 8l3 3.500V14",
    succeeded: "M8 2a6 6 0 1 0 .01 0zM5.200 8.200l2 2 3.700-4.200",
    failed: "M5.500 2h5L14 5.500v5L10.500 14h-5L2 10.500v-5zM6 6l4 4M10 6l-4 4",
    quarantined: "M2.500 2.500h11v11h-11zM5.500 5.500l5 5M10.500 5.500l-5 5",
    cancelled: "M8 2.250a5.750 5.750 0 1 0 .01 0zM4 12l8-8",
    none: "M5 8h6",
  };
  const COLOURS = {
    queued: "#797676,#9d9ea9", delayed: "#5c2bb4,#a273af", running: "#0073ea,#2e92ff", waiting: "#286e84,#43dfff",
    succeeded: "#154e41,#99c4a1", failed: "#dd3442,#f42d00", quarantined: "#480032,#c06372", cancelled: "#312818,#e7e3e1",
  };
  const LOOK = new CSSStyleSheet(); // a sheet that is made, not written, is no matter of the page's policy
  LOOK.replaceSync(`
    :host { display: inline-block; inline-size: 22rem; max-inline-size: 100%; font: var(--telltale-font, 14px/1.45 system-ui, sans-serif); font-variant-numeric: tabular-nums; }
    :host([hidden]) { display: none } :host([theme=light]) { color-scheme: light } :host([theme=dark]) { color-scheme: dark } :host([theme=auto]) { color-scheme: light dark }
    [part=card] { --mute: var(--telltale-muted, light-dark(#5f6067, #a2a6af)); --hue: var(--mute); display: grid; gap: .375em; padding: var(--telltale-padding, .75em .875em); color: var(--telltale-text, light-dark(#1a1b1e, #eceae6)); background: var(--telltale-surface, light-dark(#fff, #12151a)); border: 1px solid var(--telltale-line, light-dark(#e7e6e2, #2f353e)); border-radius: var(--telltale-radius, .375em); overflow-wrap: anywhere; }
    :host([compact]) [part=card] { padding: 0; border: 0; background: none } :host([compact]) :is([part=values], [part=rows]) { display: none }
    [part=body] { display: contents } [part=head] { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .5em } [part=label] { font-weight: 600; flex: 1 0 min(8em, 70%) } [part=status] { color: var(--hue); font-weight: 600 }
    svg { inline-size: 1em; block-size: 1em; flex: none; align-self: center; fill: none; stroke: var(--hue); stroke-width: 1.75; }
    progress { appearance: none; inline-size: 100%; block-size: .375em; border: 0; border-radius: 1em; overflow: hidden; background: var(--telltale-track, light-dark(#e9e8e4, #2a3039)) }
    ::-webkit-progress-bar { background: none } ::-webkit-progress-value { background: var(--hue) } ::-moz-progress-bar { background: var(--hue) }
    [part=detail], [part=as-of], dt { color: var(--mute); font-size: .9em } [part=values] { display: grid; grid-template-columns: auto 1fr; gap: .125em .75em; margin: 0 } dd { margin: 0 }
    [part=rows] { display: grid; gap: .5em; margin: 0; padding: 0; list-style: none } [part~=row] { display: grid; gap: .25em; padding-block-start: .5em; border-block-start: 1px solid var(--telltale-line, light-dark(#e7e6e2, #2f353e)) }
    [part=card][data-stale] :is(svg, [part=status], progress) { opacity: .55 } [hidden] { display: none !important }
    [role=status] { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%) }
    ${Object.entries(COLOURS).map(([name, two]) => `[data-status=${name}] { --hue: var(--telltale-${name}, light-dark(${two})) }`).join("")}`);

  /** @param {string} name @param {string} part @param {...(string|Node)} inner */
  const make = (name, part, ...inner) => {
    const made = document.createElement(name);
    if (part) made.setAttribute("part", part);
    made.append(...inner);
    return made;
  };
  /** @param {string} status */
  const icon = (status) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    svg.append(document.createElementNS(svg.namespaceURI, "path"));
    svg.firstElementChild?.setAttribute("d", SHAPES[status] ?? SHAPES.none);
    return svg;
  };
  /** @param {any} value */
  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  const clock = () => new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

  /** What is seen of one state, and of each row of one. @param {any} state @param {string} label @returns {Element[]} */
  const body = (state, label) => {
    const head = make("div", "head", icon(state.status), make("span", "label", label), make("span", "status", state.words));
    const parts = [head];
    if (state.progress?.fraction != null) {
      const bar = /** @type {HTMLProgressElement} */ (make("progress", "progress"));
      bar.value = state.progress.fraction;
      bar.setAttribute("aria-label", `${label}: progress`);
      parts.push(bar);
    }
    const detail = [state.progress?.text, state.left].filter(Boolean).join(" · ");
    if (detail) parts.push(make("div", "detail", detail));
    const values = Object.entries(state.values ?? {});
    if (values.length > 0) {
      parts.push(make("dl", "values", ...values.flatMap(([key, value]) => [make("dt", "key", key), make("dd", "value", text(value))])));
    }
    if (state.rows?.length > 0) parts.push(make("ul", "rows", ...state.rows.map(row)));
    return parts;
  };
  /** @param {any} state */
  const row = (state) => {
    const made = make("li", "row", ...body(state, state.definition));
    made.dataset.status = state.status;
    return made;
  };

  /** The one connection of a page, for all its widgets: a socket, and polls where none gets through. */
  class Line {
    /** @type {Map<string, Set<TelltaleStatus>>} */
    #elements = new Map();
    /** The newest of each. @type {Map<string, any>} */
    #states = new Map();
    /** What this socket was asked for. @type {Set<string>} */
    #asked = new Set();
    /** @type {WebSocket|null} */
    #socket = null;
    #failures = 0;
    #heardAt = 0;
    #retryAt = 0;
    #pollAt = 0;
    #polledAt = 0;
    #timer = 0;

    /** @param {string} token @param {TelltaleStatus} element */
    add(token, element) {
      this.#elements.set(token, (this.#elements.get(token) ?? new Set()).add(element));
      if (this.#states.has(token)) element.show(this.#states.get(token));
      this.#timer ||= setInterval(() => this.#tick(), TICK_MS);
      queueMicrotask(() => this.#tick());
    }

    /** @param {string} token @param {TelltaleStatus} element */
    remove(token, element) {
      this.#elements.get(token)?.delete(element);
      if (this.#elements.get(token)?.size === 0) this.#forget(token);
    }

    /** @param {string} token */
    #forget(token) {
      this.#elements.delete(token);
      this.#states.delete(token);
      if (this.#elements.size > 0) return;
      clearInterval(this.#timer);
      this.#lose();
      this.#timer = this.#failures = this.#retryAt = 0;
    }

    /** The network went or came, which sockets notice late. @param {boolean} online */
    network(online) {
      this.#polledAt = 0;
      if (online) this.#retryAt = 0;
      else if (this.#timer) this.#lose();
    }

    #tick() {
      const now = Date.now();
      if (!this.#timer) return;
      if (this.#socket && now - this.#heardAt > SILENCE_MS) this.#lose();
      if (!this.#socket && now >= this.#retryAt) this.#connect(now);
      if (this.#socket?.readyState === WebSocket.OPEN) this.#watch();
      if (this.#failures > 1 && now >= this.#pollAt) this.#poll(now);
    }

    /** @param {number} now */
    #connect(now) {
      this.#heardAt = now;
      this.#asked.clear();
      const socket = (this.#socket = this.#open());
      if (!socket) return this.#lose();
      socket.onopen = () => this.#tick();
      socket.onmessage = ({ data }) => {
        this.#heardAt = Date.now();
        this.#failures = 0;
        this.#hear(JSON.parse(data));
      };
      socket.onclose = () => socket === this.#socket && this.#lose();
    }

    /** Some browsers throw where a page's policy allows no socket. */
    #open() {
      try {
        return new WebSocket(LIVE);
      } catch {
        return null;
      }
    }

    #watch() {
      const tokens = [...this.#elements.keys()].filter((token) => !this.#asked.has(token)).slice(0, MOST);
      for (const token of tokens) this.#asked.add(token);
      if (tokens.length > 0) this.#socket?.send(this.#question(tokens));
    }

    /** @param {string[]} tokens */
    #question(tokens) {
      return JSON.stringify({ t: "watch", tokens, page: script.dataset.page ?? "" });
    }

    /** @param {any} said */
    #hear(said) {
      if (said.t === "ping") {
        this.#socket?.send('{"t":"pong"}');
        for (const element of this.#all) element.touch();
      }
      const elements = this.#elements.get(said.token) ?? [];
      if (said.t === "state") {
        this.#states.set(said.token, said.state);
        for (const element of elements) element.show(said.state);
      } else if (said.t === "gone") {
        for (const element of elements) element.end();
        this.#forget(said.token);
      }
    }

    /** @param {number} now */
    async #poll(now) {
      this.#pollAt = now + POLL_MS * (0.75 + Math.random() / 2);
      const body = this.#question([...this.#elements.keys()].slice(0, MOST));
      try {
        const answer = await fetch(new URL("state/", HOME), { method: "POST", body, credentials: "omit", referrerPolicy: "no-referrer" });
        if (!answer.ok) throw new Error(String(answer.status));
        for (const said of (await answer.json()).frames) this.#hear(said);
        this.#polledAt = Date.now();
      } catch {
        this.#stale(); // away as well
      }
    }

    #lose() {
      const socket = this.#socket;
      this.#socket = null;
      socket?.close();
      this.#failures += 1;
      const pause = Math.min(FIRST_MS * 2 ** this.#failures, SLOWEST_MS);
      this.#retryAt = Date.now() + pause * (0.5 + Math.random() / 2); // not all pages at once
      if (Date.now() - this.#polledAt > 2 * POLL_MS) this.#stale();
    }

    get #all() {
      return [...this.#elements.values()].flatMap((elements) => [...elements]);
    }

    #stale() {
      for (const element of this.#all) element.stale();
    }
  }
  const line = new Line();
  addEventListener("online", () => line.network(true));
  addEventListener("offline", () => line.network(false));

  class TelltaleStatus extends HTMLElement {
    static observedAttributes = ["token"];
    #card = make("div", "card");
    #body = make("div", "body");
    #age = make("div", "as-of");
    #ears = make("span", "");
    #token = "";
    #status = "";
    #shown = "";

    constructor() {
      super();
      const shadow = this.attachShadow({ mode: "open" });
      shadow.adoptedStyleSheets = [LOOK];
      this.#ears.setAttribute("role", "status");
      this.#ears.setAttribute("aria-live", "polite");
      this.#card.append(this.#body, this.#age, this.#ears);
      shadow.append(this.#card);
    }

    connectedCallback() {
      this.#token = this.getAttribute("token") ?? "";
      this.#age.textContent = "connecting…";
      if (this.#token) line.add(this.#token, this);
    }

    disconnectedCallback() {
      line.remove(this.#token, this);
    }

    attributeChangedCallback() {
      if (!this.isConnected || !this.#token) return;
      this.disconnectedCallback();
      this.connectedCallback();
    }

    /** @param {any} state */
    show(state) {
      const { as_of: _, seq: __, ...rest } = state;
      const [before, shown] = [this.#shown, JSON.stringify(rest)];
      this.#shown = shown;
      this.touch();
      if (shown === before) return; // a selected text stays selected
      this.#card.dataset.status = state.status;
      this.#body.replaceChildren(...body(state, state.label));
      if (this.#status && this.#status !== state.status) this.#ears.textContent = `${state.label}: ${state.words}`;
      this.#status = state.status;
    }

    /** What is seen is so now. */
    touch() {
      if (!this.#shown) return;
      this.#card.removeAttribute("data-stale");
      this.#age.textContent = `as of ${clock()}`;
      this.#age.hidden = !this.hasAttribute("clock");
    }

    /** Nothing is heard any more: what is seen is old, and says so. */
    stale() {
      if (!this.#shown) this.#age.textContent = "not connected";
      this.#card.toggleAttribute("data-stale", this.#shown !== "");
      this.#age.hidden = false;
    }

    /** It may not be shown here, or no longer. */
    end() {
      const words = this.#shown ? "Revoked" : "Not available";
      this.#shown = this.#status = "";
      this.#card.dataset.status = "none";
      this.#body.replaceChildren(...body({ status: "none", words }, ""));
      this.#ears.textContent = words;
      this.#age.hidden = true;
    }
  }
  customElements.define("telltale-status", TelltaleStatus);

  // A frame is as high as what is in it: its page says so to the one that holds it, and to no other.
  const { origins } = script.dataset;
  const holder = location.ancestorOrigins?.[0];
  if (origins !== undefined && parent !== window) {
    const known = origins.split(" ").filter((origin) => !holder || origin === holder || origin === "*");
    new ResizeObserver(() => {
      const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
      for (const origin of known) parent.postMessage({ t: "telltale-height", height }, origin === "*" && holder ? holder : origin);
    }).observe(document.documentElement);
  }
  addEventListener("message", ({ data, origin, source }) => {
    if (data?.t !== "telltale-height" || ![HOME.origin, "null"].includes(origin)) return;
    for (const frame of document.querySelectorAll("iframe")) {
      if (frame.contentWindow === source && frame.src.startsWith(HOME.href)) frame.height = String(Math.min(Number(data.height) || 0, 4000));
    }
  });
})();
