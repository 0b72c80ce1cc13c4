// The arithmetic of flow control. Credit is counted in bytes: a stream may send while its balance is above zero, and an
// item may take it below. So a receiver never holds more than a window and one item, and an item larger than the whole
// window still passes.

import { Violation } from "./violation.js";

/** The least that an item costs: a stream of empty items is bounded too. */
const MINIMUM_CHARGE = 64;
/** No honest receiver ever owes more. */
const MAX_BALANCE = 2 ** 40;

const charge = (length) => Math.max(length, MINIMUM_CHARGE);

/** The sender's end of one stream. */
export class SendWindow {
  constructor(window) {
    this.balance = window;
  }

  get isOpen() {
    return this.balance > 0;
  }

  pay(length) {
    this.balance -= charge(length);
  }

  grant(bytes) {
    this.balance += bytes;
    if (this.balance > MAX_BALANCE) throw new Violation("flow", "credit beyond every bound");
  }
}

/** The receiver's end of one stream. */
export class ReceiveWindow {
  constructor(window) {
    this.window = window;
    this.outstanding = window; // what the sender may still send
    this.consumed = 0; // what was taken and is not granted again yet
  }

  /** An item came. */
  take(length) {
    if (this.outstanding <= 0) throw new Violation("flow", "an item without credit");
    this.outstanding -= charge(length);
  }

  /** The consumer took an item. Returns what to grant: nothing until half a window has gathered. */
  consume(length) {
    this.consumed += charge(length);
    if (this.consumed < this.window / 2) return 0;
    const grant = this.consumed;
    this.consumed = 0;
    this.outstanding += grant;
    return grant;
  }
}
