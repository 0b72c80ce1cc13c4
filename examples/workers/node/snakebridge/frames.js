// Frames: `u32 length │ header array [kind, …] │ body`. The table below is the one of docs/protocol.md, and both
// directions follow from it.

import { MAX_HEADER, MAX_INPUTS, MAX_META, isSessionId, isTarget } from "./limits.js";
import { Reader, encode } from "./msgpack.js";
import { Violation } from "./violation.js";

/** What a worker writes before its first frame. */
export const MAGIC = Buffer.from("SNKB\0\0\0\x01", "latin1");

export const HELLO = 0;
export const READY = 1;
export const CALL = 2;
export const REPLY = 3;
export const ERROR = 4;
export const ITEM = 5;
export const END = 6;
export const PART = 7;
export const CREDIT = 8;
export const CANCEL = 9;
export const PING = 10;
export const PONG = 11;
export const EVENT = 12;
const RELEASE = 13;
export const GOAWAY = 14;
const FIRST_OPTIONAL = 128;

/** The flag of a CALL that wants a stream. */
export const STREAM = 1;
/** Whether a tool ran, as ERROR says it. */
export const NEVER = 0;
export const MAYBE = 1;
export const RAN = 2;

const shape = (what) => new Violation("shape", what);

/** An unsigned integer. Beyond 2^53, which no counter reaches, it is rounded. */
function uint(reader) {
  const marker = reader.peek();
  if (marker > 0x7f && (marker < 0xcc || marker > 0xcf)) throw shape("expected an unsigned integer");
  return Number(reader.value());
}

function positive(reader) {
  const number = uint(reader);
  if (number === 0) throw shape("a window of nothing");
  return number;
}

function text(reader) {
  const marker = reader.peek();
  if ((marker < 0xa0 || marker > 0xbf) && (marker < 0xd9 || marker > 0xdb)) throw shape("expected a string");
  return reader.value();
}

function arrayLength(reader) {
  const marker = reader.peek();
  if ((marker & 0xf0) === 0x90) return reader.take(1)[0] & 0x0f;
  if (marker !== 0xdc && marker !== 0xdd) throw shape("expected an array");
  reader.take(1);
  return reader.unsigned(marker === 0xdc ? 2 : 4);
}

/** The six limits of HELLO, by name; a later version may announce more of them. */
function limits(reader) {
  const count = arrayLength(reader);
  if (count < 6) throw shape("HELLO announces six limits");
  const [frame, body, depth, items, window, calls] = Array.from({ length: 6 }, () => uint(reader));
  for (let more = 6; more < count; more++) reader.value();
  return { frame, body, depth, items, window, calls };
}

function meta(reader) {
  const start = reader.position;
  const map = reader.value();
  if (!(map instanceof Map)) throw shape("meta is a map");
  if (reader.position - start > MAX_META) throw shape("meta is at most 4 KiB");
  return map;
}

function target(reader) {
  const name = text(reader);
  if (!isTarget(name)) throw shape("a target outside the grammar of tool names");
  return name;
}

function session(reader) {
  const id = text(reader);
  if (!isSessionId(id)) throw shape("a session id that is empty, too long or not printable");
  return id;
}

function executed(reader) {
  const number = uint(reader);
  if (number > RAN) throw shape("executed is 0, 1 or 2");
  return number;
}

/** Flags, of which only `known` are defined. */
const flags = (known) => (reader) => {
  const number = uint(reader);
  if (number & ~known || number > known) throw new Violation("unsupported", "a flag that nobody defines");
  return number;
};

// Elements behind the kind: name, how it is read, and, for those that may be nil or left out, what that means.
const FIELDS = {
  [HELLO]: [["oldest", uint], ["newest", uint], ["limits", limits], ["nonce", text]],
  [READY]: [["hash", text]],
  [CALL]: [
    ["id", uint], ["target", target], ["flags", flags(STREAM), 0], ["remaining", uint, null], ["session", session, null],
    ["parent", uint, null], ["meta", meta, null], ["total", uint, null], ["inputs", uint, 0],
    ["tools", uint, 0], ["window", positive, null],
  ],
  [REPLY]: [["id", uint], ["total", uint, null]],
  [ERROR]: [["id", uint], ["code", text], ["executed", executed]],
  [ITEM]: [["id", uint], ["stream", uint], ["sequence", uint], ["flags", flags(3), 0], ["total", uint, null]],
  [END]: [["id", uint], ["stream", uint], ["count", uint], ["total", uint, null]],
  [PART]: [["id", uint], ["stream", uint]],
  [CREDIT]: [["id", uint], ["stream", uint], ["bytes", uint]],
  [CANCEL]: [["id", uint], ["reason", text, null]],
  [PING]: [["nonce", uint]],
  [PONG]: [["nonce", uint], ["finished", uint], ["running", uint], ["runningFor", uint]],
  [EVENT]: [["class", uint], ["id", uint, 0], ["dropped", uint, 0]],
  [GOAWAY]: [["last", uint], ["reason", text, null]],
};

/** Reads a header: an object with `kind` and the elements by name, and how long the header is. */
export function decodeHeader(bytes) {
  const reader = new Reader(bytes);
  let left = arrayLength(reader) - 1;
  if (left < 0) throw shape("an empty header");
  const frame = { kind: uint(reader) };
  const fields = FIELDS[frame.kind] ?? [];
  if (fields.length === 0) {
    if (frame.kind === RELEASE) throw new Violation("unsupported", "a kind that is reserved");
    if (frame.kind < FIRST_OPTIONAL) throw new Violation("unknown_kind", `frame kind ${frame.kind}`);
  }
  for (const [name, read, absent] of fields) {
    if (left > 0 && !(absent !== undefined && reader.peek() === 0xc0)) {
      frame[name] = read(reader);
    } else {
      if (absent === undefined) throw shape(`${name} is missing`);
      if (left > 0) reader.take(1); // the nil
      frame[name] = absent;
    }
    left -= 1;
  }
  for (; left > 0; left--) reader.value(); // elements of a later version
  if (reader.position > MAX_HEADER) throw shape("a header over 16 KiB");
  if (frame.inputs > MAX_INPUTS) throw shape("more streams as arguments than a call may have");
  return { frame, length: reader.position };
}

/** The header array of a frame. Elements at its end that say nothing are left out. */
function encodeHeader(frame) {
  const fields = FIELDS[frame.kind];
  const values = fields.map(([name, , absent]) => (frame[name] === undefined ? absent : frame[name]));
  while (values.length > 0 && values.at(-1) === fields[values.length - 1][2]) values.pop();
  return encode([frame.kind, ...values.map((value, at) => (fields[at][0] === "limits" ? Object.values(value) : value))]);
}

/** The bytes of a frame. */
export function encodeFrame(frame, body = Buffer.alloc(0)) {
  const header = encodeHeader(frame);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(header.length + body.length);
  return Buffer.concat([length, header, body]);
}

/** Cuts what arrives, in pieces of any size, into frames. */
export class FrameReader {
  constructor(frameLimit) {
    // Every side accepts a full header, however small its limit for frames is.
    this.limit = Math.max(frameLimit, MAX_HEADER);
    this.pending = Buffer.alloc(0);
  }

  /** The frames that are complete with `chunk`, each with its `body`. */
  *push(chunk) {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    while (this.pending.length >= 4) {
      const length = this.pending.readUInt32BE();
      if (length === 0) throw new Violation("empty", "a frame of no bytes");
      if (length > this.limit) throw new Violation("frame_too_large", `${length} bytes, the limit is ${this.limit}`);
      if (this.pending.length < 4 + length) return;
      const bytes = this.pending.subarray(4, 4 + length);
      this.pending = this.pending.subarray(4 + length);
      const { frame, length: header } = decodeHeader(bytes);
      yield { frame, body: bytes.subarray(header) };
    }
  }
}
