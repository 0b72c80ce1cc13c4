// Runs the host's calls. JavaScript has one thread: asynchronous tools overlap wherever they wait, one that computes
// holds up everything. The bridge's `Profile::Async` is the one that fits.

import { Context } from "./context.js";
import { Refusal, cancelled, describe, invalidArgument, tooLarge } from "./errors.js";
import { NEVER, STREAM } from "./frames.js";
import { decode, encode } from "./msgpack.js";
import { tools } from "./tools.js";
import { bind } from "./types.js";

const MANIFEST = "$manifest";

export class Server {
  /** @param statusPage where the calls are noted that were begun, if the host has given one */
  constructor(manifest, statusPage) {
    Object.assign(this, { manifest, statusPage });
    this.controllers = new Map();
    this.whenIdle = () => {};
  }

  /** To be called once, before calls come. */
  serve(peer) {
    this.peer = peer;
  }

  /** Stops a call, as far as it listens to its signal. It is answered when it has let go. */
  cancel(call, reason) {
    this.controllers.get(call.id)?.abort(new DOMException(reason || "the call was cancelled", "AbortError"));
  }

  /** Runs a call whose arguments have all come. */
  call(call, body) {
    if (call.target === MANIFEST && !(call.flags & STREAM)) return this.peer.reply(call.id, this.manifest);
    try {
      const tool = this.find(call);
      this.run(call, tool, bind(tool, decode(body, this.peer.ours), call.inputs));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.peer.error(call.id, describe(error));
    }
  }

  find({ target, flags }) {
    const tool = tools.get(target);
    if (!tool) {
      const known = [...tools.keys()].map((name) => `\`${name}\``).join(", ") || "none";
      throw new Refusal("tool_not_found", NEVER, `no tool \`${target}\`; there are: ${known}`);
    }
    if (tool.streaming !== Boolean(flags & STREAM)) {
      const [answer, how] = tool.streaming ? ["a stream", "call it for a stream"] : ["one value", "call it for one"];
      throw invalidArgument(`\`${target}\` answers with ${answer}: ${how}`);
    }
    return tool;
  }

  /** Never throws: whatever the tool does, the call is answered exactly once. */
  async run(call, tool, args) {
    const controller = new AbortController();
    const context = new Context(this.peer, call, controller.signal);
    this.controllers.set(call.id, controller);
    this.statusPage?.started(call.id); // before the tool's first line
    try {
      if (tool.streaming) await this.stream(call, tool.run(args, context));
      else this.peer.reply(call.id, this.encode(await tool.run(args, context), `the result of \`${tool.name}\``));
    } catch (error) {
      this.peer.error(call.id, call.isCancelled ? cancelled("") : describe(error));
    }
    this.statusPage?.finished(call.id);
    this.controllers.delete(call.id);
    controller.abort(new Error("the call has ended")); // what it still asks of the host is not wanted any more
    if (this.peer.served.size === 0) this.whenIdle();
  }

  /** Sends what a generator yields, as fast as the host takes it. */
  async stream(call, generator) {
    try {
      for (;;) {
        // In this order, so that a generator is never further than one item ahead of its reader.
        await this.peer.credit(call);
        if (call.isCancelled) throw new Error("cancelled");
        const { done, value } = await generator.next();
        if (done) return this.peer.end(call, value === undefined ? undefined : this.encode(value, "what it returned"));
        await this.peer.item(call, this.encode(value, `an item of \`${call.target}\``));
      }
    } finally {
      await generator.return(); // its `finally` blocks run before the call is answered; nothing happens at its end
    }
  }

  encode(value, what) {
    const body = encode(value, this.peer.outbox.limits);
    const limit = this.peer.outbox.limits.body;
    if (body.length > limit) throw tooLarge(what, body.length, limit);
    return body;
  }
}
