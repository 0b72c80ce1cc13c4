// Items that come from the host: a stream among the arguments of a call, or the answer of a host tool that streams.

import { Violation } from "./violation.js";
import { ReceiveWindow } from "./windows.js";

/** An asynchronous iterator over items that are decoded when they are taken, and paid for only then. */
export class IncomingStream {
  /**
   * @param {number} window the bytes that may come before they are taken
   * @param {(bytes: Buffer) => unknown} decodeItem
   * @param {{ grant: (bytes: number) => void, abandon?: () => void }} ways what to do with credit, and when the
   *   consumer wants no more
   */
  constructor(window, decodeItem, { grant, abandon = () => {} }) {
    this.window = new ReceiveWindow(window);
    this.decodeItem = decodeItem;
    this.grant = grant;
    this.abandon = abandon;
    this.sequence = 0;
    this.waiting = []; // items that have come and were not taken
    this.outcome = undefined; // how it ended: `{ error }`, if it has
    this.dropped = false;
    this.wake = () => {};
  }

  /** An item is announced or has come. False when nobody wants it: it was under way when we stopped reading. */
  expect(frame, length) {
    if (this.dropped) return false;
    this.inOrder(frame.sequence);
    this.sequence += 1;
    this.window.take(length);
    return true;
  }

  inOrder(number) {
    if (this.outcome) throw new Violation("unexpected_chunk", "an item or an end behind the end");
    if (number !== this.sequence) throw new Violation("stream_seq", `expected ${this.sequence}, got ${number}`);
  }

  push(body) {
    if (!this.dropped) this.waiting.push(body);
    this.wake();
  }

  /** The host has sent END. */
  end(count) {
    if (this.dropped) return;
    this.inOrder(count);
    this.close();
  }

  /** Nothing comes any more; `error` is why, if it was not a regular end. */
  close(error) {
    this.outcome ??= { error };
    this.wake();
  }

  /** Nothing is wanted any more. */
  drop(error) {
    this.dropped = true;
    this.waiting = [];
    this.close(error);
  }

  async next() {
    while (this.waiting.length === 0) {
      if (this.outcome?.error) throw this.outcome.error;
      if (this.outcome) return { done: true, value: undefined };
      await new Promise((wake) => (this.wake = wake));
    }
    const body = this.waiting.shift();
    const grant = this.window.consume(body.length);
    if (grant > 0 && !this.outcome) this.grant(grant);
    return { done: false, value: this.decodeItem(body) };
  }

  /** `break` in a `for await` loop. */
  async return() {
    const wasOpen = !this.outcome;
    this.drop();
    if (wasOpen) this.abandon();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}
