// The life of a worker: from a bare process to one that may be called, and its end.

import { readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { takeStandardStreams } from "./descriptors.js";
import { ERROR, FrameReader, HELLO, MAGIC, NEVER, READY, encodeFrame } from "./frames.js";
import { limitsFrom } from "./limits.js";
import { decode, encode } from "./msgpack.js";
import { watchForHostDeath } from "./orphan_watch.js";
import { Outbox } from "./outbox.js";
import { Peer } from "./peer.js";
import { Server } from "./server.js";
import { StatusPage } from "./status_page.js";
import { buildManifest, tools } from "./tools.js";
import { Violation } from "./violation.js";

const VERSION = 1;
const EXIT = { done: 0, usage: 2, cannotImport: 3, cannotInitialise: 4, cannotRestrict: 5, hostGone: 70, pipeBroken: 74, protocol: 76 };
/** How long a worker that cannot start waits for the host to read why. */
const LAST_WORDS_MS = 2000;

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

function exit(code, why) {
  if (why) writeSync(2, `snakebridge: ${why}\n`);
  process.exit(code);
}

/** Serves the tools of the module `file` until the host closes the wire. */
export async function main(file) {
  const { SNAKEBRIDGE_NONCE: nonce, SNAKEBRIDGE_PARENT_PID: parent, SNAKEBRIDGE_LIMITS: wanted } = process.env;
  if (!nonce || !file) exit(EXIT.usage, "a host starts this: `.command([\"node\", \"worker.js\", \"tools.js\"])`");
  const host = Number(parent);
  if (process.ppid !== host) exit(EXIT.hostGone, `the host was process ${host}, the parent is ${process.ppid}`);
  delete process.env.SNAKEBRIDGE_PARENT_PID; // wrong for every child of this process

  // Before anything of the user's is imported, which may print.
  const { input, output } = takeStandardStreams();
  watchForHostDeath(host);
  output.on("error", () => exit(EXIT.pipeBroken, "the host does not read any more"));
  const limits = limitsFrom(wanted);
  const identity = { version, pid: process.pid, language: "javascript", language_version: process.versions.node };
  output.write(MAGIC);
  output.write(encodeFrame({ kind: HELLO, oldest: VERSION, newest: VERSION, limits, nonce }, encode(identity)));

  const wire = new Wire(input, new FrameReader(limits.frame));
  const hello = await wire.hello(nonce);
  const outbox = new Outbox(output);
  outbox.limits = hello.limits;

  const { module, manifest } = await load(file, hello.body, outbox);
  const server = new Server(manifest.bytes, StatusPage.open(host, hello.body.get("status_fd"), nonce));
  const peer = new Peer(outbox, limits, server);
  server.serve(peer);
  process.on("unhandledRejection", (error) => console.error("nobody waits for what was rejected:", error));
  process.on("SIGTERM", () => leave(peer, server, output));
  outbox.send({ kind: READY, hash: manifest.hash }, encode([...tools.keys()]));
  await wire.serve(peer);
  // The host has let the calls end that it waits for, and wants no more of this worker.
  await module.cleanup?.();
  exit(EXIT.done);
}

/** Imports the tools and says READY, or tells the host why that cannot be. */
async function load(file, hello, outbox) {
  let [why, code] = ["sandbox", EXIT.cannotRestrict];
  try {
    if (hello.get("sandbox")) throw new Error("this worker cannot restrict itself");
    [why, code] = ["import", EXIT.cannotImport];
    const module = await import(pathToFileURL(file));
    [why, code] = ["init", EXIT.cannotInitialise];
    await module.initialize?.(hello.get("config"));
    const name = path.basename(file);
    return { module, manifest: buildManifest({ adapter: name, name, description: module.description }) };
  } catch (error) {
    const body = { why, type: error?.constructor?.name ?? "", message: String(error?.message ?? error), module: file };
    body.traceback = String(error?.stack ?? "");
    outbox.send({ kind: ERROR, id: 0, code: "start_failed", executed: NEVER }, encode(body));
    outbox.write();
    await new Promise((flushed) => {
      outbox.stream.end(flushed);
      setTimeout(flushed, LAST_WORDS_MS);
    });
    return exit(code);
  }
}

/** SIGTERM: takes no more calls, finishes those that it has, and ends. */
function leave(peer, server, output) {
  peer.goAway("it was told to end");
  const end = () => {
    peer.outbox.write();
    output.end(() => exit(EXIT.done));
  };
  if (peer.served.size === 0) end();
  else server.whenIdle = end;
}

/** The frames that come from the host. */
class Wire {
  constructor(input, reader) {
    Object.assign(this, { input, reader });
    this.early = []; // frames that came together with HELLO
  }

  /** The host's greeting: its limits, and what it says of itself. */
  async hello(nonce) {
    const waiting = [];
    for await (const chunk of this.input.iterator({ destroyOnReturn: false })) {
      try {
        waiting.push(...this.reader.push(chunk));
        if (waiting.length === 0) continue;
        const [{ frame, body }] = waiting.splice(0, 1);
        if (frame.kind !== HELLO) throw new Violation("phase", "the first frame is HELLO");
        if (frame.oldest > VERSION || frame.newest < VERSION) {
          const theirs = `${frame.oldest} to ${frame.newest}`;
          throw new Violation("version", `this side speaks ${VERSION}, the host ${theirs}`);
        }
        if (frame.nonce !== nonce) throw new Violation("nonce", "HELLO carries another launch nonce");
        this.early = waiting;
        return { limits: frame.limits, body: decode(body) };
      } catch (error) {
        broken(error);
      }
    }
    return exit(EXIT.hostGone, "the host closed the wire before it said HELLO");
  }

  /** Until the host closes the wire. */
  serve(peer) {
    const receive = (frames) => {
      try {
        for (const frame of frames) peer.receive(frame);
      } catch (error) {
        broken(error);
      }
    };
    receive(this.early);
    return new Promise((closed) => {
      this.input.on("data", (chunk) => receive(this.reader.push(chunk)));
      this.input.on("end", closed);
      this.input.on("error", closed);
    });
  }
}

function broken(error) {
  if (!(error instanceof Violation)) throw error;
  exit(EXIT.protocol, `the host broke the protocol: ${error.message}`);
}
