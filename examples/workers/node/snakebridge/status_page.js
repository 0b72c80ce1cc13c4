// The status page: memory shared with the host, on which a worker notes what it runs. It outlives the worker, so that the
// host knows of each call that it lost with it whether it was begun. A worker without it loses nothing but that certainty.

import { openSync, readSync, writeSync } from "node:fs";

const NONCE = 16; // bytes of the launch nonce at the beginning
const STARTED = 16; // where the greatest id started stands
const FINISHED = 24; // where the last id finished stands

export class StatusPage {
  /** The page that the host's HELLO names, if it does and this is it; else undefined. */
  static open(host, descriptor, nonce) {
    if (!Number.isInteger(descriptor)) return undefined;
    try {
      const file = openSync(`/proc/${host}/fd/${descriptor}`, "r+");
      const head = Buffer.alloc(NONCE);
      readSync(file, head, 0, NONCE, 0);
      return head.toString("latin1") === nonce.slice(0, NONCE) ? new StatusPage(file) : undefined;
    } catch {
      return undefined; // the host's /proc is out of reach: another user's, or another namespace's
    }
  }

  constructor(file) {
    this.file = file;
    this.number = Buffer.alloc(8);
    this.greatest = 0;
    this.write(STARTED, 0);
    this.write(FINISHED, 0);
  }

  started(id) {
    this.greatest = Math.max(this.greatest, id);
    this.write(STARTED, this.greatest);
  }

  finished(id) {
    this.write(FINISHED, id);
  }

  /** Written with one system call, not mapped: a worker that is killed has written all eight bytes or none. */
  write(offset, id) {
    this.number.writeBigUInt64LE(BigInt(id)); // x86-64 and AArch64 are little-endian
    writeSync(this.file, this.number, 0, 8, offset);
  }
}
