/** The server's side of the protocol over a socket object, with a network that drops, doubles and cuts on demand. */

/** @typedef {import("../../static/js/live/protocol.js").Frame} Frame */
/** @typedef {import("../../static/js/live/protocol.js").Cursor} Cursor */
/** @typedef {{t: string, topic: string, at?: Cursor}} ClientMessage  what a test looks at of what a page says */

/** What a page uses of a WebSocket. */
class FakeSocket {
  closed = false;
  /** @type {(event: object) => void} */
  onopen = () => {};
  /** @type {(event: {data: string}) => void} */
  onmessage = () => {};
  /** @type {(event: {code: number}) => void} */
  onclose = () => {};

  /** @param {FakeServer} server */
  constructor(server) {
    this.server = server;
  }

  /** @param {string} text */
  send(text) {
    if (!this.closed) this.server.hear(this, JSON.parse(text));
  }

  close() {
    this.closed = true;
  }
}

export class FakeServer {
  sockets = 0;
  /**
   * Bodies of polling requests, and how many of them were ever under way at once.
   * @type {{subscriptions: ClientMessage[]}[]}
   */
  polls = [];
  mostAtOnce = 0;
  /** What polling meets: "answers", "fails", "hangs", or a status that refuses. @type {string|number} */
  polling = "answers";
  /** The most events in one answer. */
  eventsPerPoll = 1_000;
  /** @type {string|null} */
  retryAfter = null;
  /** Retention removed the events up to this one. */
  trimmedTo = 0;
  #underWay = 0;
  /** Frames that the network loses or doubles from now on. */
  dropNext = 0;
  doubleNext = 0;
  /** Frames longer than so many characters come in parts. */
  longest = Infinity;
  /** Hears everything and answers nothing. */
  deaf = false;
  /** An error code for every subscription. @type {import("../../static/js/live/protocol.js").Refusal["code"]|null} */
  refuse = null;
  /** @type {FakeSocket|null} */
  #current = null;
  #open = false;
  /** @type {ClientMessage[]} */
  #heard = [];
  /** @type {number|null} */
  #cursor = null;
  #pings = 0;
  #tearing = false;

  /** @param {import("./history.js").History} history @param {import("./fake_time.js").FakeTime} time */
  constructor(history, time) {
    this.history = history;
    this.time = time;
  }

  socket() {
    this.sockets += 1;
    this.#open = false;
    this.#current = new FakeSocket(this);
    return /** @type {WebSocket} */ (/** @type {unknown} */ (this.#current));
  }

  /** One request of the polling carrier. @param {string} body @param {AbortSignal} signal */
  async post(body, signal) {
    const poll = /** @type {FakeServer["polls"][number]} */ (JSON.parse(body));
    this.polls.push(poll);
    this.mostAtOnce = Math.max(this.mostAtOnce, (this.#underWay += 1));
    try {
      if (this.polling === "fails") throw new TypeError("network");
      if (this.polling === "hangs") await aborted(signal);
      await null;
      if (typeof this.polling === "number") return this.#refusal(this.polling);
      return answer(200, { frames: [this.#hello, ...poll.subscriptions.flatMap((one) => this.#tail(one))] });
    } finally {
      this.#underWay -= 1;
    }
  }

  /** @param {number} status */
  #refusal(status) {
    /** @type {Record<string, string>} */
    const headers = this.retryAfter ? { "retry-after": this.retryAfter } : {};
    return answer(status, status < 404 ? { code: 4000 + status } : "<h1>not of ours</h1>", headers);
  }

  /** What an answer carries of one subscription. @param {ClientMessage} subscription @returns {Frame[]} */
  #tail({ topic, at }) {
    const { epoch, length } = this.history;
    if (this.refuse) return [{ t: "error", topic, code: this.refuse, message: "no" }];
    if (!at) return [this.history.snapshot()];
    if (at.epoch !== epoch || at.seq > length || at.seq < this.trimmedTo) return [this.#reset(at), this.history.snapshot()];
    const to = Math.min(length, at.seq + this.eventsPerPoll);
    const events = to > at.seq ? [this.history.frame(at.seq + 1, to)] : [];
    if (to < length) return events;
    return [...events, { t: "receipt", topic, epoch, after: at.seq, seq: to, replayed: to - at.seq }];
  }

  /** @returns {Frame} */
  get #hello() {
    return { t: "hello", version: 1, server_time: this.#serverTime, heartbeat: 20 };
  }

  /** @param {Cursor} at @returns {Frame} */
  #reset({ epoch }) {
    const reason = epoch !== this.history.epoch ? "epoch" : this.trimmedTo > 0 ? "trimmed" : "ahead";
    return { t: "reset", topic: this.history.topic, reason };
  }

  /** @param {string} kind */
  received(kind) {
    return this.#heard.filter(({ t }) => t === kind);
  }

  /** Complete the handshake of a socket that waits for it. */
  accept() {
    if (this.#open || this.#current === null || this.#current.closed) return;
    this.#open = true;
    this.#tearing = false;
    this.#cursor = null;
    this.#current.onopen({});
    // Losing the hello is losing the connection, which `cut` does.
    this.#deliver(this.#hello);
  }

  /** The network breaks. */
  cut() {
    this.close(1006);
  }

  /** What stands between lets no socket through. */
  block() {
    if (!this.#current || this.#current.closed) return;
    this.#current.closed = true;
    this.#current.onclose({ code: 1006 });
  }

  /** @param {number} code */
  close(code) {
    if (!this.#open) return;
    this.#open = false;
    this.#current?.onclose({ code });
  }

  ping() {
    this.#pings += 1;
    if (this.#open) this.#deliver({ t: "ping", n: this.#pings, server_time: this.#serverTime });
  }

  /** The network breaks in the middle of the next long frame. */
  tear() {
    this.#tearing = true;
  }

  /** New events happen, and go out if somebody is subscribed. @param {number} count @param {unknown} [value] */
  publish(count, value = 0) {
    for (let n = 0; n < count; n += 1) this.history.add("value_set", { key: "n", data: { value } });
    this.#stream();
  }

  /** @param {Frame} frame */
  send(frame) {
    if (!this.#open) return;
    if (this.dropNext > 0) {
      this.dropNext -= 1;
      return;
    }
    this.#deliver(frame);
    if (this.doubleNext > 0) {
      this.doubleNext -= 1;
      this.#deliver(frame);
    }
  }

  /** @param {FakeSocket} socket @param {ClientMessage} message */
  hear(socket, message) {
    this.#heard.push(message);
    if (socket !== this.#current || this.deaf || message.t !== "subscribe" || message.topic !== this.history.topic) return;
    if (this.refuse) this.send({ t: "error", topic: message.topic, code: this.refuse, message: "no" });
    else this.#subscribe(message);
  }

  /** @param {ClientMessage} message */
  #subscribe({ topic, at }) {
    const { epoch, length } = this.history;
    if (!at || at.epoch !== epoch || at.seq > length || at.seq < this.trimmedTo) {
      if (at) this.send(this.#reset(at));
      this.#cursor = length;
      this.send(this.history.snapshot());
      return;
    }
    this.#cursor = at.seq;
    this.#stream();
    this.send({ t: "receipt", topic, epoch, after: at.seq, seq: length, replayed: length - at.seq });
  }

  #stream() {
    if (!this.#open || this.#cursor === null || this.#cursor === this.history.length) return;
    const from = this.#cursor + 1;
    this.#cursor = this.history.length;
    this.send(this.history.frame(from, this.#cursor));
  }

  /** @param {Frame} frame */
  #deliver(frame) {
    if (!this.#open || !this.#current) return;
    const text = JSON.stringify(frame);
    const of = Math.ceil(text.length / this.longest) || 1;
    if (of === 1) return this.#current.onmessage({ data: text });
    for (let n = 1; n <= of; n += 1) {
      const piece = text.slice((n - 1) * this.longest, n * this.longest);
      this.#current.onmessage({ data: JSON.stringify({ t: "part", n, of, text: piece }) });
      if (this.#tearing) return this.cut();
    }
  }

  get #serverTime() {
    return new Date(this.time.now()).toISOString();
  }
}

/** @param {number} status @param {unknown} content @param {Record<string, string>} [headers] */
function answer(status, content, headers = {}) {
  return new Response(typeof content === "string" ? content : JSON.stringify(content), { status, headers });
}

/** @param {AbortSignal} signal @returns {Promise<never>} */
function aborted(signal) {
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}
