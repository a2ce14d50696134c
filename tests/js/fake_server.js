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
  /** Frames that the network loses or doubles from now on. */
  dropNext = 0;
  doubleNext = 0;
  /** Hears everything and answers nothing. */
  deaf = false;
  /** An error code for every subscription. @type {string|null} */
  refuse = null;
  #current = null;
  #open = false;
  #heard = [];
  #cursor = null;
  #pings = 0;

  constructor(history, time) {
    this.history = history;
    this.time = time;
  }

  socket() {
    this.sockets += 1;
    this.#open = false;
    return (this.#current = new FakeSocket(this));
  }

  received(kind) {
    return this.#heard.filter(({ t }) => t === kind);
  }

  /** Complete the handshake of a socket that waits for it. */
  accept() {
    if (this.#open || this.#current === null || this.#current.closed) return;
    this.#open = true;
    this.#cursor = null;
    this.#current.onopen({});
    // Losing the hello is losing the connection, which `cut` does.
    this.#deliver({ t: "hello", version: 1, server_time: this.#serverTime, heartbeat: 20 });
  }

  /** The network breaks. */
  cut() {
    this.close(1006);
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
    if (!at || at.epoch !== epoch || at.seq > length) {
      if (at) this.send({ t: "reset", topic, reason: at.epoch === epoch ? "ahead" : "epoch" });
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
    if (this.#open) this.#current.onmessage({ data: JSON.stringify(frame) });
  }

  get #serverTime() {
    return new Date(this.time.now()).toISOString();
  }
}
