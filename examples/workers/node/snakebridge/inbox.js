// Bodies that come in fragments, put together again.

import { Violation } from "./violation.js";

export class Inbox {
  /** @param {number} limit bytes of all bodies together that may be under way */
  constructor(limit) {
    this.limit = limit;
    this.bodies = new Map();
    this.underWay = 0;
  }

  key = ({ id, stream = 0 }) => `${id}/${stream}`;

  /** `frame` has announced a body by its `total`. */
  announce(frame, body) {
    if (frame.total > this.limit) {
      throw new Violation("frame_too_large", `a body of ${frame.total} bytes, the limit is ${this.limit}`);
    }
    if (frame.total === 0 || body.length > 0 || this.has(frame)) {
      throw new Violation("fragment", `call ${frame.id} announces a body that cannot be`);
    }
    this.bodies.set(this.key(frame), { frame, parts: [], length: 0 });
  }

  /** Whether a body of that call and stream has not all come. */
  has(frame) {
    return this.bodies.has(this.key(frame));
  }

  /** Takes a fragment. Returns what it completes: the frame that announced the body, and the body. */
  add(part, fragment) {
    const body = this.bodies.get(this.key(part));
    if (!body || fragment.length === 0 || body.length + fragment.length > body.frame.total) {
      throw new Violation("fragment", `call ${part.id} has announced no such fragment`);
    }
    // Counted as it comes, and not as it was announced: what was only claimed reserves nothing.
    body.parts.push(fragment);
    body.length += fragment.length;
    this.underWay += fragment.length;
    if (this.underWay > this.limit) throw new Violation("receive_budget", `over ${this.limit} bytes under way`);
    if (body.length < body.frame.total) return undefined;
    this.drop(part);
    return { frame: body.frame, body: Buffer.concat(body.parts) };
  }

  /** The rest of one body is not wanted. */
  drop(frame) {
    this.underWay -= this.bodies.get(this.key(frame))?.length ?? 0;
    this.bodies.delete(this.key(frame));
  }

  /** No body of call `id` is wanted any more. */
  forget(id) {
    for (const { frame } of [...this.bodies.values()]) if (frame.id === id) this.drop(frame);
  }
}
