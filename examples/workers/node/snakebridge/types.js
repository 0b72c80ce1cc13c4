// What a parameter may be. Arguments are checked before the tool runs, so that `executed` can be `never`.

import { invalidArgument } from "./errors.js";
import { Extension, decode } from "./msgpack.js";

/** The extension type of a stream among the arguments; its data is the stream's number. */
const STREAM_REFERENCE = 6;

const isStream = (value) => value instanceof Extension && value.type === STREAM_REFERENCE;
const isInteger = (value) => typeof value === "bigint" || Number.isSafeInteger(value);

// The names are those that Python prints, which is what a host knows.
const TYPES = {
  any: { fits: (value) => !isStream(value), schema: {} },
  bool: { fits: (value) => typeof value === "boolean", schema: { type: "boolean" } },
  int: { fits: isInteger, schema: { type: "integer" } },
  float: { fits: (value) => typeof value === "number" || isInteger(value), schema: { type: "number" } },
  str: { fits: (value) => typeof value === "string", schema: { type: "string" } },
  bytes: { fits: (value) => value instanceof Uint8Array, schema: { type: "string", contentEncoding: "base64" } },
  list: { fits: Array.isArray, schema: { type: "array" } },
  dict: { fits: (value) => value instanceof Map, schema: { type: "object" } },
  // A list does where a stream is expected.
  stream: { fits: (value) => isStream(value) || Array.isArray(value), schema: null },
};

export const isType = (name) => Object.hasOwn(TYPES, name);
export const typeNames = Object.keys(TYPES);
export const schemaOf = (name) => TYPES[name].schema;

/**
 * The arguments of a call as an object with a property for each parameter.
 *
 * @param tool whose parameters they are for
 * @param args `{name: value}` as a `Map`, or `[[positional, …], {name: value}]`
 * @param streams those that the call brings, the first is number 1
 */
export function bind(tool, args, streams) {
  const given = byName(tool, args);
  const bound = {};
  for (const { name, type, required, default: fallback } of tool.parameters) {
    if (!given.has(name)) {
      if (required) throw invalidArgument(`\`${tool.name}\` needs the argument \`${name}\`: ${type}`);
      bound[name] = fallback;
      continue;
    }
    const value = given.get(name);
    given.delete(name);
    if (!TYPES[type].fits(value)) {
      throw invalidArgument(`\`${tool.name}\`, argument \`${name}\`: expected \`${type}\`, got ${kindOf(value)}`);
    }
    bound[name] = isStream(value) ? streams[decode(value.data) - 1] : value;
  }
  for (const name of given.keys()) {
    const known = tool.parameters.map((parameter) => `\`${parameter.name}\``).join(", ") || "none";
    throw invalidArgument(`\`${tool.name}\` has no parameter \`${name}\`; there are: ${known}`);
  }
  return bound;
}

function byName(tool, args) {
  if (args instanceof Map) return args;
  const [positional, named] = args;
  if (positional.length > tool.parameters.length) {
    throw invalidArgument(`\`${tool.name}\` takes ${tool.parameters.length} arguments, got ${positional.length}`);
  }
  const given = new Map(positional.map((value, index) => [tool.parameters[index].name, value]));
  for (const [name, value] of named) {
    if (given.has(name)) throw invalidArgument(`\`${tool.name}\`: the argument \`${name}\` is given twice`);
    given.set(name, value);
  }
  return given;
}

/** What a value is, without saying it: it may be a secret. */
function kindOf(value) {
  const named = typeNames.filter((name) => name !== "any").find((name) => TYPES[name].fits(value));
  return named ? `\`${named}\`` : "nil or a value of another kind";
}
