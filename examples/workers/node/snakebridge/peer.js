// The conversation with the host once both have said HELLO: what each frame means for the calls that are under way in
// either direction, and what may be said when. Knows nothing of tools, and nothing of how bytes travel.

import * as frames from "./frames.js";
import { HostToolError } from "./errors.js";
import { Inbox } from "./inbox.js";
import { IncomingStream } from "./incoming_stream.js";
import { MAX_HEADER } from "./limits.js";
import { decode, encode } from "./msgpack.js";
import { Violation } from "./violation.js";
import { SendWindow } from "./windows.js";

const { CALL, REPLY, ERROR, ITEM, END, PART, CREDIT, CANCEL, PING, PONG, GOAWAY, STREAM } = frames;

/** Ids are odd from the host and even from a worker. */
const isOurs = (id) => id % 2 === 0;

export class Peer {
  /**
   * @param outbox where frames leave
   * @param ours the limits that we have announced
   * @param service `call(call, body)` runs a call of the host, `cancel(call, reason)` stops one
   */
  constructor(outbox, ours, service) {
    Object.assign(this, { outbox, ours, service });
    this.inbox = new Inbox(ours.body);
    this.served = new Map(); // calls of the host that we have not answered
    this.asked = new Map(); // calls of ours that the host has not answered
    this.lastServed = 0;
    this.nextId = 2;
    this.finished = 0;
    this.isLeaving = false;
  }

  /** Takes one frame. Throws a `Violation` when the host broke a rule; nothing can be trusted after that. */
  receive({ frame, body }) {
    switch (frame.kind) {
      case CALL: case REPLY: case ITEM: case END:
        if (!this.isWanted(frame, frame.total ?? body.length)) return;
        if (frame.total === null) this.complete(frame, body);
        else this.inbox.announce(frame, body);
        return;
      case PART: return this.onPart(frame, body);
      case ERROR: return this.onError(frame, body);
      case CREDIT: return this.onCredit(frame);
      case CANCEL: return this.onCancel(frame);
      case PING: {
        const [running] = this.served.keys();
        const runningFor = running === undefined ? 0 : Math.round(performance.now() - this.served.get(running).began);
        this.send({ kind: PONG, nonce: frame.nonce, finished: this.finished, running: running ?? 0, runningFor });
        return;
      }
      case PONG: case GOAWAY: return; // we ask for none; and a host that leaves answers what it has accepted
      case frames.EVENT: throw new Violation("phase", "events are the worker's to tell");
      case frames.HELLO: case frames.READY: throw new Violation("phase", "a greeting in the middle of a connection");
      default: // an optional kind of a later version
    }
  }

  // --- what comes from the host ---

  /** Checks a frame that brings or announces a body. False when it is late: its call is over, and the frames crossed. */
  isWanted(frame, length) {
    if (frame.kind === CALL) return this.accept(frame);
    if (this.inbox.has(frame)) throw new Violation("fragment", `a body of call ${frame.id} is not complete`);
    const stream = frame.stream ?? 0;
    if (stream > 0) {
      const call = this.servedCall(frame.id);
      if (!call) return false;
      const input = call.inputs[stream - 1];
      if (!input) throw new Violation("unexpected_chunk", `call ${frame.id} has no stream ${stream}`);
      if (frame.kind === ITEM) return input.expect(frame, length);
      if (length > 0) throw new Violation("fragment", "the end of an argument has a body");
      input.end(frame.count);
      return false;
    }
    const call = this.askedCall(frame.id);
    if (!call) return false;
    if ((frame.kind === REPLY) !== !call.stream) {
      throw new Violation("unexpected_chunk", `call ${frame.id} was answered in the wrong manner`);
    }
    if (frame.kind === ITEM) return call.stream.expect(frame, length);
    if (frame.kind === END && !call.stream.dropped) call.stream.inOrder(frame.count);
    return true;
  }

  /** A new call, if it may come. */
  accept(frame) {
    if (isOurs(frame.id) || frame.id <= this.lastServed) throw new Violation("id", `call ${frame.id}`);
    this.lastServed = frame.id;
    if (this.isLeaving) return false; // it crossed our GOAWAY and goes elsewhere
    if (this.served.size >= this.ours.calls) throw new Violation("too_many_calls", `more than ${this.ours.calls}`);
    const call = { ...frame, began: performance.now(), window: undefined, sequence: 0, wake: () => {} };
    if (frame.flags & STREAM) call.window = new SendWindow(frame.window ?? this.outbox.limits.window);
    call.inputs = Array.from({ length: frame.inputs }, (_, index) => this.stream(frame.id, index + 1));
    this.served.set(frame.id, call);
    return true;
  }

  /** Everything of a frame is there. */
  complete(frame, body) {
    if (frame.kind === CALL) return this.service.call(this.served.get(frame.id), body);
    if (frame.stream > 0) return this.served.get(frame.id)?.inputs[frame.stream - 1].push(body);
    if (frame.kind === ITEM) return this.asked.get(frame.id)?.stream.push(body);
    const call = this.settled(frame.id);
    if (frame.kind === REPLY) call?.resolve(decode(body, this.ours));
    else call?.stream.close();
  }

  onPart(frame, body) {
    if (this.inbox.has(frame)) {
      const whole = this.inbox.add(frame, body);
      if (whole) this.complete(whole.frame, whole.body);
      return;
    }
    const call = isOurs(frame.id) ? this.askedCall(frame.id) : this.servedCall(frame.id);
    const stream = frame.stream > 0 ? call?.inputs?.[frame.stream - 1] : call?.stream;
    if (call && !call.isCancelled && !stream?.dropped) throw new Violation("fragment", `for call ${frame.id}`);
  }

  onError(frame, body) {
    const call = this.askedCall(frame.id);
    if (!call) return;
    this.settled(frame.id);
    const error = HostToolError.from(frame, body.length > 0 ? decode(body, this.ours) : new Map());
    if (call.stream) call.stream.close(error);
    else call.reject(error);
  }

  /** A call of ours is answered. */
  settled(id) {
    const call = this.asked.get(id);
    this.asked.delete(id);
    this.inbox.forget(id);
    this.outbox.forget(id); // nobody reads the rest of its arguments
    call?.unlisten();
    return call;
  }

  onCredit({ id, stream, bytes }) {
    if (stream > 0) {
      if (this.askedCall(id)) throw new Violation("flow", "credit for arguments that do not stream");
      return;
    }
    const call = this.servedCall(id);
    if (!call) return;
    if (!call.window) throw new Violation("flow", `credit for call ${id}, which does not stream`);
    call.window.grant(bytes);
    call.wake();
  }

  onCancel({ id, reason }) {
    const call = this.servedCall(id);
    if (!call) return; // answered: the two frames crossed
    call.isCancelled = true;
    const waits = this.inbox.has({ id, stream: 0 });
    this.inbox.forget(id);
    this.outbox.forget(id); // an item that is on its way is broken off
    if (waits) return this.error(id, { code: "cancelled", executed: frames.NEVER, body: {} });
    this.service.cancel(call, reason ?? "");
    for (const input of call.inputs) input.drop(new Error("the call was cancelled"));
    call.wake();
  }

  /** The call of the host with that id; undefined when it is answered. */
  servedCall(id) {
    if (isOurs(id) || id > this.lastServed) throw new Violation("id", `there was no call ${id}`);
    return this.served.get(id);
  }

  /** The call of ours with that id; undefined when it is answered. */
  askedCall(id) {
    if (!isOurs(id) || id === 0 || id >= this.nextId) throw new Violation("id", `there was no call ${id}`);
    return this.asked.get(id);
  }

  // --- what goes to the host ---

  send(frame, body) {
    return this.outbox.send(frame, body);
  }

  /** Answers a call with its result. */
  reply(id, body) {
    this.answered(id);
    this.send({ kind: REPLY, id, total: null }, body);
  }

  /** Answers a call with an error: `{ code, executed, body }`. */
  error(id, { code, executed, body }) {
    this.answered(id);
    this.outbox.forget(id);
    const encoded = encode(body);
    const fits = encoded.length <= this.outbox.limits.frame - MAX_HEADER;
    // Better an error without its details than none.
    this.send({ kind: ERROR, id, code, executed }, fits ? encoded : undefined);
  }

  /** Waits until the stream that answers `call` may send an item, or the call is cancelled. */
  async credit(call) {
    while (!call.window.isOpen && !call.isCancelled) await new Promise((wake) => (call.wake = wake));
  }

  /** Sends the next item. To be awaited: nothing else of the stream may come before all of it is handed over. */
  item(call, body) {
    call.window.pay(body.length);
    return this.send({ kind: ITEM, id: call.id, stream: 0, sequence: call.sequence++, flags: 0, total: null }, body);
  }

  /** Ends the stream that answers `call`; `body` is what its generator returned. */
  end(call, body) {
    this.answered(call.id);
    this.send({ kind: END, id: call.id, stream: 0, count: call.sequence, total: null }, body);
  }

  /** Nothing of the call is expected any more; what still comes for it is late. */
  answered(id) {
    for (const input of this.served.get(id).inputs) input.drop(new Error("the call has ended"));
    this.served.delete(id);
    this.inbox.forget(id);
    this.finished += 1;
  }

  /** Calls a tool of the host while call `parent` of the host runs. Gives a promise, or a stream where `wantsStream`. */
  ask(target, args, { parent, signal, wantsStream = false }) {
    signal.throwIfAborted();
    if (this.asked.size >= this.outbox.limits.calls) throw new Error("the host has too many calls of this worker");
    const body = encode(args, this.outbox.limits);
    const id = this.nextId;
    this.nextId += 2;
    const call = { stream: wantsStream ? this.stream(id, 0) : undefined };
    const answer = wantsStream ? call.stream : new Promise((resolve, reject) => Object.assign(call, { resolve, reject }));
    this.asked.set(id, call);
    this.send({ kind: CALL, id, target, flags: wantsStream ? STREAM : 0, parent, total: null }, body);
    const giveUp = () => this.giveUp(id, signal.reason);
    signal.addEventListener("abort", giveUp);
    call.unlisten = () => signal.removeEventListener("abort", giveUp);
    return answer;
  }

  /** The answer to a call of ours is not wanted any more. The call stays known until the host has answered it. */
  giveUp(id, error) {
    const call = this.asked.get(id);
    if (!call || call.isCancelled) return;
    call.isCancelled = true;
    this.inbox.forget(id);
    this.outbox.forget(id);
    this.send({ kind: CANCEL, id, reason: "" });
    if (call.stream) call.stream.drop(error);
    else call.reject(error);
  }

  /** A stream that the host sends: stream `number` of call `id`. */
  stream(id, number) {
    return new IncomingStream(this.ours.window, (body) => decode(body, this.ours), {
      grant: (bytes) => this.send({ kind: CREDIT, id, stream: number, bytes }),
      abandon: () => number === 0 && this.giveUp(id),
    });
  }

  /** Takes no more calls. The host sends elsewhere what it sends from now on. */
  goAway(reason) {
    this.isLeaving = true;
    this.send({ kind: GOAWAY, last: this.lastServed, reason });
  }
}
