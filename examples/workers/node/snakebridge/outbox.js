// What is on its way to the host. Small frames go first, in their order; then one fragment of each large body in turn.
// After some dozens of small frames a fragment goes in between, so that neither holds the other up.

import { once } from "node:events";

import { PART, encodeFrame } from "./frames.js";
import { DEFAULTS, fragmentLength } from "./limits.js";

const SMALL_FRAMES_IN_A_ROW = 32;

export class Outbox {
  /** @param {import("node:stream").Writable} stream to the host */
  constructor(stream) {
    this.stream = stream;
    this.limits = DEFAULTS; // the host's, once it has announced them
    this.frames = []; // whole small frames
    this.bodies = []; // large bodies, the next in turn first
    this.underWay = 0; // bytes of all bodies of which a fragment was sent
    this.scheduled = false;
    this.full = false;
    stream.on("drain", () => {
      this.full = false;
      this.write();
    });
  }

  /**
   * Sends a frame. A body that is too large for one frame follows in fragments; the promise is kept when the last of
   * them is handed over, or the body is not wanted any more.
   */
  send(frame, body = Buffer.alloc(0)) {
    let handedOver = Promise.resolve();
    if (body.length > fragmentLength(this.limits) && "total" in frame) {
      this.frames.push(encodeFrame({ ...frame, total: body.length }));
      handedOver = new Promise((done) => {
        this.bodies.push({ id: frame.id, stream: frame.stream ?? 0, rest: body, total: body.length, begun: false, done });
      });
    } else {
      this.frames.push(encodeFrame(frame, body));
    }
    this.schedule();
    return handedOver;
  }

  /** Drops the bodies of a call that nobody waits for. */
  forget(id) {
    const dropped = this.bodies.filter((body) => body.id === id);
    this.bodies = this.bodies.filter((body) => body.id !== id);
    for (const body of dropped) this.finish(body);
  }

  /** Waits until everything is handed over. */
  async flush() {
    this.schedule();
    while (this.isBusy) await (this.full ? once(this.stream, "drain") : new Promise(process.nextTick));
  }

  /** Whether something is not handed over yet. */
  get isBusy() {
    return this.frames.length > 0 || this.bodies.length > 0;
  }

  /** Writes later in this turn of the event loop, so that frames which come together leave in one write. */
  schedule() {
    if (this.scheduled || this.full) return;
    this.scheduled = true;
    process.nextTick(() => {
      this.scheduled = false;
      this.write();
    });
  }

  write() {
    while (!this.full && this.isBusy) {
      const some = this.frames.splice(0, SMALL_FRAMES_IN_A_ROW);
      const fragment = this.fragment();
      if (fragment) some.push(fragment);
      // False when the pipe has no room: the rest waits here, and reading goes on meanwhile.
      this.full = !this.stream.write(Buffer.concat(some));
    }
  }

  /** One fragment of the body whose turn it is. */
  fragment() {
    // The bodies under way are together no longer than the longest single one that the host accepts. Those that wait
    // begin in the order in which they came, so that a long one is not passed by for ever.
    const oldest = this.bodies.find((body) => !body.begun);
    const mayBegin = oldest && this.underWay + oldest.total <= this.limits.body;
    const body = this.bodies.find((body) => body.begun || (mayBegin && body === oldest));
    if (!body) return undefined;
    if (!body.begun) {
      body.begun = true;
      this.underWay += body.total;
    }
    const length = fragmentLength(this.limits);
    const frame = encodeFrame({ kind: PART, id: body.id, stream: body.stream }, body.rest.subarray(0, length));
    body.rest = body.rest.subarray(length);
    this.bodies.splice(this.bodies.indexOf(body), 1);
    if (body.rest.length > 0) this.bodies.push(body); // behind the others
    else this.finish(body);
    return frame;
  }

  finish(body) {
    if (body.begun) this.underWay -= body.total;
    body.done();
  }
}
