// MessagePack, as much of it as the protocol uses. A worker in another language takes a library, if that can keep the
// limits *while* it decodes: nesting and the number of values are bounded, and nothing is allocated by a length that was
// only claimed.

import { DEFAULTS } from "./limits.js";
import { Violation } from "./violation.js";

/** A number that travels as a float even if it is whole. (JavaScript has no other way to say `2.0`.) */
export class Float {
  constructor(value) {
    this.value = value;
  }
}

/**
 * An extension value. Type 6 is a stream among the arguments of a call, and type 1, an integer beyond 64 bits, is a bigint here.
 * The others (moments, arrays of numbers, tables) are for tools that know what to make of them; they are sent back as they came.
 */
export class Extension {
  constructor(type, data) {
    this.type = type;
    this.data = data;
  }
}

const INTEGER = 1;
const INTEGER_BYTES = 4096;

/** A value that cannot be sent. */
export class Unserializable extends Error {
  constructor(what, path) {
    super(`${what} at ${path}`);
    this.name = "Unserializable";
  }
}

// `fatal` because bytes that are not UTF-8 are undecodable; `ignoreBOM` because a string that begins with one keeps it.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads one value after the other from bytes. */
export class Reader {
  constructor(bytes, limits = DEFAULTS) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.limits = limits;
    this.position = 0;
    this.items = 0;
  }

  /** The next `length` bytes, not copied. */
  take(length) {
    const end = this.position + length;
    if (end > this.bytes.length) throw new Violation("decode", "the bytes end inside a value");
    const taken = this.bytes.subarray(this.position, end);
    this.position = end;
    return taken;
  }

  /** The first byte of the next value, which says what it is. */
  peek() {
    if (this.position >= this.bytes.length) throw new Violation("decode", "a value is missing");
    return this.bytes[this.position];
  }

  text(length) {
    const bytes = this.take(length);
    try {
      return utf8.decode(bytes);
    } catch {
      throw new Violation("decode", "a string that is not UTF-8");
    }
  }

  /** An unsigned integer of `size` bytes, as a number where that is exact. */
  unsigned(size) {
    const bytes = this.take(size);
    return size < 8 ? bytes.readUIntBE(0, size) : exact(bytes.readBigUInt64BE());
  }

  signed(size) {
    const bytes = this.take(size);
    return size < 8 ? bytes.readIntBE(0, size) : exact(bytes.readBigInt64BE());
  }

  array(length, depth) {
    this.deeper(depth);
    const array = [];
    for (let index = 0; index < length; index++) array.push(this.value(depth + 1));
    return array;
  }

  /** Always a `Map`: an object would reorder keys that look like numbers, and has no other keys than strings. */
  map(length, depth) {
    this.deeper(depth);
    const map = new Map();
    for (let index = 0; index < length; index++) {
      const key = this.value(depth + 1);
      map.set(key, this.value(depth + 1));
    }
    return map;
  }

  deeper(depth) {
    if (depth >= this.limits.depth) throw new Violation("depth", `a value nested deeper than ${this.limits.depth}`);
  }

  extension(length) {
    const type = this.signed(1);
    const data = this.take(length);
    if (type !== INTEGER) return new Extension(type, data);
    // Not a breach of the protocol, as nobody else has to know of it: what comes of it is a matter of the one call.
    if (length < 1 || length > INTEGER_BYTES) throw new RangeError(`an integer of ${length} bytes`);
    return exact(BigInt.asIntN(length * 8, BigInt(`0x${data.toString("hex")}`)));
  }

  /** The next value. The recursion goes as deep as the limit, and no deeper. */
  value(depth = 0) {
    if (++this.items > this.limits.items) throw new Violation("items", `more than ${this.limits.items} values`);
    const marker = this.peek();
    this.position += 1;
    if (marker <= 0x7f) return marker;
    if (marker <= 0x8f) return this.map(marker & 0x0f, depth);
    if (marker <= 0x9f) return this.array(marker & 0x0f, depth);
    if (marker <= 0xbf) return this.text(marker & 0x1f);
    if (marker >= 0xe0) return marker - 0x100;
    switch (marker) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: case 0xc5: case 0xc6: return this.take(this.unsigned(1 << (marker - 0xc4)));
      case 0xc7: case 0xc8: case 0xc9: return this.extension(this.unsigned(1 << (marker - 0xc7)));
      case 0xca: return this.take(4).readFloatBE();
      case 0xcb: return this.take(8).readDoubleBE();
      case 0xcc: case 0xcd: case 0xce: case 0xcf: return this.unsigned(1 << (marker - 0xcc));
      case 0xd0: case 0xd1: case 0xd2: case 0xd3: return this.signed(1 << (marker - 0xd0));
      case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8: return this.extension(1 << (marker - 0xd4));
      case 0xd9: case 0xda: case 0xdb: return this.text(this.unsigned(1 << (marker - 0xd9)));
      case 0xdc: case 0xdd: return this.array(this.unsigned(2 << (marker - 0xdc)), depth);
      case 0xde: case 0xdf: return this.map(this.unsigned(2 << (marker - 0xde)), depth);
      default: throw new Violation("decode", "the marker c1, which is never used");
    }
  }
}

/** A number where that is exact, else a bigint. */
function exact(big) {
  const number = Number(big);
  return Number.isSafeInteger(number) ? number : big;
}

/** The one value that `bytes` are. Maps are `Map`s, binary is a view of `bytes`, integers beyond 2^53 are bigints. */
export function decode(bytes, limits = DEFAULTS) {
  const reader = new Reader(bytes, limits);
  const value = reader.value();
  if (reader.position < reader.bytes.length) throw new Violation("decode", "bytes behind the value");
  return value;
}

/** Bytes that grow. */
class Writer {
  constructor(limits) {
    this.bytes = Buffer.allocUnsafe(256);
    this.length = 0;
    this.limits = limits;
    this.items = 0;
  }

  /** Room for `length` bytes; returns where it begins. */
  room(length) {
    const start = this.length;
    this.length += length;
    if (this.length > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.length, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, start);
      this.bytes = grown;
    }
    return start;
  }

  byte(byte) {
    const at = this.room(1); // first: it may put larger bytes in the place of `this.bytes`
    this.bytes[at] = byte;
  }

  /** A marker and behind it an unsigned number of `size` bytes. */
  marked(marker, number, size) {
    this.byte(marker);
    const at = this.room(size);
    this.bytes.writeUIntBE(number, at, size);
  }

  raw(bytes) {
    const at = this.room(bytes.length);
    this.bytes.set(bytes, at);
  }

  /** The head of a string, binary, array, map or extension: the shortest form that can say its length. */
  head(length, { fixed, short, markers }) {
    if (fixed !== undefined && length <= short) this.byte(fixed | length);
    else if (length <= 0xff && markers[0]) this.marked(markers[0], length, 1);
    else if (length <= 0xffff) this.marked(markers[1], length, 2);
    else this.marked(markers[2], length, 4);
  }

  /** A marker and behind it a bigint of eight bytes, negative ones in two's complement. */
  wide(marker, big) {
    this.byte(marker);
    const at = this.room(8);
    this.bytes.writeBigUInt64BE(BigInt.asUintN(64, big), at);
  }

  integer(number, path) {
    if (typeof number === "bigint") {
      if (exact(number) !== number) return this.integer(exact(number), path);
      if (number < -(2n ** 63n) || number >= 2n ** 64n) return this.large(number, path);
      this.wide(number < 0n ? 0xd3 : 0xcf, number);
    } else if (number >= 0) {
      if (number <= 0x7f) this.byte(number);
      else if (number <= 0xff) this.marked(0xcc, number, 1);
      else if (number <= 0xffff) this.marked(0xcd, number, 2);
      else if (number <= 0xffff_ffff) this.marked(0xce, number, 4);
      else this.wide(0xcf, BigInt(number));
    } else if (number >= -0x20) this.byte(number + 0x100);
    else if (number >= -0x80) this.marked(0xd0, number + 0x100, 1);
    else if (number >= -0x8000) this.marked(0xd1, number + 0x1_0000, 2);
    else if (number >= -0x8000_0000) this.marked(0xd2, number + 0x1_0000_0000, 4);
    else this.wide(0xd3, BigInt(number));
  }

  /** An integer beyond 64 bits: an extension, in as few bytes of two's complement as say it. */
  large(big, path) {
    const magnitude = big < 0n ? ~big : big;
    const length = (magnitude.toString(16).length >> 1) + 1;
    const digits = BigInt.asUintN(length * 8, big).toString(16).padStart(length * 2, "0");
    const bytes = Buffer.from(digits, "hex");
    const says = (at) => (bytes[at] === 0 && bytes[at + 1] < 0x80) || (bytes[at] === 0xff && bytes[at + 1] >= 0x80);
    const data = bytes.subarray(says(0) ? 1 : 0);
    if (data.length > INTEGER_BYTES) throw new Unserializable("an integer beyond 32768 bits", path);
    this.extension(new Extension(INTEGER, data));
  }

  extension({ type, data }) {
    const short = [1, 2, 4, 8, 16].indexOf(data.length);
    if (short >= 0) this.byte(0xd4 + short);
    else this.head(data.length, { markers: [0xc7, 0xc8, 0xc9] });
    this.byte(type & 0xff);
    this.raw(data);
  }

  float(number) {
    this.byte(0xcb);
    const at = this.room(8);
    this.bytes.writeDoubleBE(number, at);
  }

  text(text, path) {
    // A lone surrogate has no UTF-8; `Buffer` would put U+FFFD in its place without a word.
    if (!text.isWellFormed()) throw new Unserializable("a string with a lone surrogate", path);
    const length = Buffer.byteLength(text);
    this.head(length, { fixed: 0xa0, short: 31, markers: [0xd9, 0xda, 0xdb] });
    const at = this.room(length);
    this.bytes.write(text, at, "utf8");
  }

  entries(entries, length, depth, path) {
    this.deeper(depth, path);
    this.head(length, { fixed: 0x80, short: 15, markers: [0, 0xde, 0xdf] });
    for (const [key, value] of entries) {
      this.value(key, depth + 1, `${path} (a key)`);
      this.value(value, depth + 1, typeof key === "string" ? `${path}.${key}` : `${path}[${key}]`);
    }
  }

  deeper(depth, path) {
    if (depth >= this.limits.depth) throw new Unserializable(`nesting deeper than ${this.limits.depth}`, path);
  }

  value(value, depth = 0, path = "$") {
    if (++this.items > this.limits.items) throw new Unserializable(`more than ${this.limits.items} values`, "$");
    if (value === null || value === undefined) this.byte(0xc0);
    else if (typeof value === "boolean") this.byte(value ? 0xc3 : 0xc2);
    else if (typeof value === "bigint") this.integer(value, path);
    else if (typeof value === "string") this.text(value, path);
    else if (typeof value === "number") {
      // -0 is a float: the integer has no sign.
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.integer(value, path);
      else this.float(value);
    } else if (value instanceof Float) this.float(value.value);
    else if (value instanceof Uint8Array) {
      this.head(value.length, { markers: [0xc4, 0xc5, 0xc6] });
      this.raw(value);
    } else if (Array.isArray(value)) {
      this.deeper(depth, path);
      this.head(value.length, { fixed: 0x90, short: 15, markers: [0, 0xdc, 0xdd] });
      value.forEach((element, index) => this.value(element, depth + 1, `${path}[${index}]`));
    } else if (value instanceof Map) this.entries(value, value.size, depth, path);
    else if (value instanceof Extension) this.extension(value);
    else if (typeof value === "object" && isPlain(value)) {
      const entries = Object.entries(value);
      this.entries(entries, entries.length, depth, path);
    } else throw new Unserializable(`a value of type ${value?.constructor?.name ?? typeof value}`, path);
  }
}

const isPlain = (object) => [Object.prototype, null].includes(Object.getPrototypeOf(object));

/** The bytes of `value`. Throws `Unserializable`, which names the place, for what has no natural form. */
export function encode(value, limits = DEFAULTS) {
  const writer = new Writer(limits);
  writer.value(value);
  return writer.bytes.subarray(0, writer.length);
}
