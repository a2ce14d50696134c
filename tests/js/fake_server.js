/** The server's side of the protocol over a socket object, with a network that drops, doubles and cuts on demand. */

class FakeSocket {
  closed = false;

  constructor(server) {
    this.server = server;
  }

  send(text) {
    if (!this.closed) this.server.hear(this, JSON.parse(text));
  }

  close() {
    this.closed = true;
  }
}

export class FakeServer {
  sockets = 0;
  /** Bodies of polling requests, and how many of them were ever under way at once. */
  polls = [];
  mostAtOnce = 0;
  /** What polling meets: "answers", "fails", "hangs", or a status that refuses. @type {string|number} */
  polling = "answers";
  /** The most events in one answer. */
  eventsPerPoll = 1_000;
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
  /** An error code for every subscription. @type {string|null} */
  refuse = null;
  #current = null;
  #open = false;
  #heard = [];
  #cursor = null;
  #pings = 0;
  #tearing = false;

  constructor(history, time) {
    this.history = history;
    this.time = time;
  }

  socket() {
    this.sockets += 1;
    this.#open = false;
    return (this.#current = new FakeSocket(this));
  }

  /** One request of the polling carrier. */
  async post(body, signal) {
    this.polls.push(JSON.parse(body));
    this.mostAtOnce = Math.max(this.mostAtOnce, (this.#underWay += 1));
    try {
      if (this.polling === "fails") throw new TypeError("network");
      if (this.polling === "hangs") await aborted(signal);
      await null;
      if (typeof this.polling === "number") return this.#refusal(this.polling);
      return answer(200, { frames: [this.#hello, ...this.polls.at(-1).subscriptions.flatMap((one) => this.#tail(one))] });
    } finally {
      this.#underWay -= 1;
    }
  }

  #refusal(status) {
    const headers = this.retryAfter ? { "retry-after": this.retryAfter } : {};
    return answer(status, status < 404 ? { code: 4000 + status } : "<h1>not of ours</h1>", headers);
  }

  /** What an answer carries of one subscription. */
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

  get #hello() {
    return { t: "hello", version: 1, server_time: this.#serverTime, heartbeat: 20 };
  }

  #reset({ epoch }) {
    const reason = epoch !== this.history.epoch ? "epoch" : this.trimmedTo > 0 ? "trimmed" : "ahead";
    return { t: "reset", topic: this.history.topic, reason };
  }

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
    if (this.#current.closed) return;
    this.#current.closed = true;
    this.#current.onclose({ code: 1006 });
  }

  close(code) {
    if (!this.#open) return;
    this.#open = false;
    this.#current.onclose({ code });
  }

  ping() {
    this.#pings += 1;
    if (this.#open) this.#deliver({ t: "ping", n: this.#pings, server_time: this.#serverTime });
  }

  /** The network breaks in the middle of the next long frame. */
  tear() {
    this.#tearing = true;
  }

  /** New events happen, and go out if somebody is subscribed. */
  publish(count, value = 0) {
    for (let n = 0; n < count; n += 1) this.history.add("value_set", { key: "n", data: { value } });
    this.#stream();
  }

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

  hear(socket, message) {
    this.#heard.push(message);
    if (socket !== this.#current || this.deaf || message.t !== "subscribe" || message.topic !== this.history.topic) return;
    if (this.refuse) this.send({ t: "error", topic: message.topic, code: this.refuse, message: "no" });
    else this.#subscribe(message);
  }

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

  #deliver(frame) {
    if (!this.#open) return;
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

function answer(status, content, headers = {}) {
  const json = async () => (typeof content === "string" ? JSON.parse(content) : JSON.parse(JSON.stringify(content)));
  return { ok: status === 200, status, headers: new Headers(headers), json };
}

function aborted(signal) {
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}
