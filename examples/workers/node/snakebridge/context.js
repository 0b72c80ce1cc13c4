// What a tool knows of the call that it serves.

/** As many calls to the host as it takes at once inside one call; more of them wait here. */
const AT_ONCE = 16;

/** Given to each tool behind its arguments. */
export class Context {
  #peer;
  #call;
  #asking = 0;
  #waiting = [];

  constructor(peer, call, signal) {
    this.#peer = peer;
    this.#call = call;
    /** Aborted when the caller has given up. Give it to everything that is awaited: nothing else stops a tool. */
    this.signal = signal;
  }

  /** The session that the call runs in, as the caller named it; null without one. */
  get session() {
    return this.#call.session;
  }

  /** A `Map` with any of `correlation_id`, `traceparent` and `metadata`; null without them. */
  get metadata() {
    return this.#call.meta;
  }

  /** How many milliseconds are left until the caller's deadline; null without one. The host keeps it, not this side. */
  get remaining() {
    const { remaining, began } = this.#call;
    return remaining === null ? null : remaining - (performance.now() - began);
  }

  /** Calls a tool of the host. Rejects with `HostToolError`, or when this call is cancelled. */
  async callTool(name, args = {}) {
    while (this.#asking >= AT_ONCE) await new Promise((wake) => this.#waiting.push(wake));
    this.#asking += 1;
    try {
      return await this.#peer.ask(name, args, { parent: this.#call.id, signal: this.signal });
    } finally {
      this.#asking -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Calls a tool of the host that answers with a stream: for `for await`. Leaving the loop cancels it. */
  streamTool(name, args = {}) {
    return this.#peer.ask(name, args, { parent: this.#call.id, signal: this.signal, wantsStream: true });
  }
}
