// The protocol's golden vectors, which every implementation has to agree on byte for byte.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { FrameReader, encodeFrame } from "../snakebridge/frames.js";
import { DEFAULTS } from "../snakebridge/limits.js";
import { Float, decode, encode } from "../snakebridge/msgpack.js";

const vectors = (file, list) => {
  const path = new URL(`../../../../tests/vectors/${file}.json`, import.meta.url);
  const found = JSON.parse(readFileSync(path, "utf8"))[list];
  assert.ok(found.length > 0);
  return found;
};
const bytes = (hex) => Buffer.from(hex, "hex");
const frames = (buffer) => [...new FrameReader(DEFAULTS.frame).push(buffer)];

for (const { name, frame, header, body } of vectors("frames", "frames")) {
  test(`frame: ${name}`, () => {
    const [parsed, ...more] = frames(bytes(frame));
    assert.equal(more.length, 0);
    assert.equal(parsed.frame.kind, header[0]);
    assert.equal(parsed.body.toString("hex"), body);
    // What a later version says is dropped, and so are flags of an item that say nothing.
    if (header[0] >= 128 || /later version|does not know/.test(name) || (header[0] === 5 && header[4] === 0)) return;
    assert.equal(encodeFrame(parsed.frame, parsed.body).toString("hex"), frame);
  });

  test(`frame: ${name}, one byte after the other`, () => {
    const reader = new FrameReader(DEFAULTS.frame);
    const found = [...bytes(frame)].flatMap((_, at) => [...reader.push(bytes(frame).subarray(at, at + 1))]);
    assert.deepEqual(found, frames(bytes(frame)));
  });
}

for (const { name, bytes: hex, violation } of vectors("invalid_frames", "invalid")) {
  test(`invalid frame: ${name}`, () => assert.throws(() => frames(bytes(hex)), { kind: violation }));
}

/** A value as the vectors describe it, in the form that encodes to it. */
function described(value) {
  const [[kind, content]] = Object.entries(value);
  switch (kind) {
    case "int": case "big": return BigInt(content);
    case "float": return new Float(bytes(content).readDoubleBE());
    case "bytes": return bytes(content);
    case "array": return content.map(described);
    case "map": return new Map(content.map((entry) => entry.map(described)));
    case "nested_arrays": return Array.from({ length: content - 1 }).reduce((inner) => [inner], []);
    default: return content;
  }
}

/** The same value in the form to which it decodes. */
function plain(value) {
  if (value instanceof Float) return value.value;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return new Map([...value].map((entry) => entry.map(plain)));
  return value;
}

const isExtension = (value) =>
  typeof value === "object" && value !== null &&
  (["timestamp", "complex", "ndarray", "arrow", "opaque"].includes(Object.keys(value)[0]) ||
    Object.values(value).some((inner) => Array.isArray(inner) && inner.some(isExtension)));

for (const { name, bytes: hex, value } of vectors("values", "values")) {
  test(`value: ${name}`, () => {
    // What means nothing to this worker passes through it unchanged.
    if (isExtension(value)) return assert.equal(encode(decode(bytes(hex))).toString("hex"), hex);
    assert.equal(encode(described(value)).toString("hex"), hex);
    // Strict: tells 0 from -0, and NaN is equal to itself.
    assert.deepStrictEqual(decode(bytes(hex)), plain(described(value)));
  });
}

for (const { name, bytes: hex, violation } of vectors("values", "invalid")) {
  test(`invalid value: ${name}`, () => assert.throws(() => decode(bytes(hex)), { kind: violation }));
}
