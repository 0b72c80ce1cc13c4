// A host that does what a test tells it: starts a worker and speaks to it frame by frame.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import * as frames from "../snakebridge/frames.js";
import { DEFAULTS } from "../snakebridge/limits.js";
import { decode, encode } from "../snakebridge/msgpack.js";

export const NONCE = "0123456789abcdef0123456789abcdef";
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Both ends of a pipe. (What `spawn` makes by itself are sockets, and a host of this protocol gives its workers pipes.) */
function pipe() {
  const folder = mkdtempSync(path.join(tmpdir(), "snakebridge-"));
  const name = path.join(folder, "pipe");
  execFileSync("mkfifo", [name]);
  const both = openSync(name, constants.O_RDWR); // so that neither of the others waits for its peer
  const ends = { read: openSync(name, constants.O_RDONLY), write: openSync(name, constants.O_WRONLY) };
  closeSync(both);
  rmSync(folder, { recursive: true });
  return ends;
}

export class Host {
  /** @param t the context of the test, at whose end the worker is killed if it has not ended */
  constructor(t, { tools = here("tools.js"), environment = {} } = {}) {
    const known = { SNAKEBRIDGE_NONCE: NONCE, SNAKEBRIDGE_PARENT_PID: String(process.pid) };
    const env = { ...process.env, ...known, ...environment };
    const [input, output, errors] = [pipe(), pipe(), pipe()];
    const stdio = [input.read, output.write, errors.write];
    this.worker = spawn(process.execPath, [here("../worker.js"), tools], { env, stdio, detached: true });
    for (const end of stdio) closeSync(end);
    this.output = new Socket({ fd: input.write, readable: false, writable: true });
    this.output.on("error", () => {}); // a worker that has ended does not read
    this.input = new Socket({ fd: output.read, readable: true, writable: false });
    this.stderr = "";
    const said = new Socket({ fd: errors.read, readable: true, writable: false });
    said.on("data", (text) => (this.stderr += text));
    this.exit = Promise.all([once(this.worker, "exit"), once(said, "end")]).then(([[code]]) => code);
    this.frames = this.read();
    t.after(() => {
      this.worker.kill("SIGKILL");
      for (const end of [this.output, this.input, said]) end.destroy();
    });
  }

  async *read() {
    const reader = new frames.FrameReader(DEFAULTS.frame);
    let magic = Buffer.alloc(0);
    for await (const chunk of this.input) {
      let bytes = chunk;
      if (magic.length < frames.MAGIC.length) {
        magic = Buffer.concat([magic, chunk]);
        bytes = magic.subarray(frames.MAGIC.length);
      }
      yield* reader.push(bytes);
    }
  }

  /** The next frame of the worker: its header, and with it the decoded `body`. */
  async next() {
    const { value, done } = await this.frames.next();
    if (done) throw new Error(`the worker has ended: ${this.stderr}`);
    const isWhole = value.frame.kind !== frames.PART && value.body.length > 0;
    return { ...value.frame, body: isWhole ? decode(value.body) : undefined, bytes: value.body };
  }

  write(bytes) {
    this.output.write(bytes);
  }

  send(frame, ...body) {
    this.write(frames.encodeFrame(frame, body.length > 0 ? encode(body[0]) : undefined));
  }

  call(id, target, args = {}, more = {}) {
    this.send({ kind: frames.CALL, id, target, ...more }, args);
  }

  /** Says HELLO and waits for READY. */
  async greet({ limits = DEFAULTS, nonce = NONCE, sandbox = null } = {}) {
    const hello = await this.next();
    this.send({ kind: frames.HELLO, oldest: 1, newest: 1, limits, nonce }, { config: null, sandbox });
    return { hello, ready: await this.next() };
  }

  /** Closes the wire and gives the exit code. */
  async close() {
    this.output.end();
    return this.exit;
  }
}
