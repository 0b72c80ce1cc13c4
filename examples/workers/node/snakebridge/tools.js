// What a worker offers: tools, and the manifest that describes them to the host.

import { createHash } from "node:crypto";

import { MAX_HANDSHAKE, MAX_TOOLS, isToolName } from "./limits.js";
import { encode } from "./msgpack.js";
import { isType, schemaOf, typeNames } from "./types.js";

/** By name. */
export const tools = new Map();

const GENERATORS = ["GeneratorFunction", "AsyncGeneratorFunction"];

/**
 * Offers a function to the host.
 *
 * @param {string} name what calls name it by
 * @param {Record<string, string | { type: string, default?: unknown, description?: string }>} parameters in order
 * @param {(args: object, context: import("./context.js").Context) => unknown} run what it does; a generator, also an
 *   asynchronous one, answers with a stream
 * @param options `description`; `idempotent`, if it may be repeated when nobody knows whether it ran; `timeoutMs`, its
 *   own deadline; `returns`, the type of its result or its items; `tags`
 */
export function tool(name, parameters, run, options = {}) {
  if (!isToolName(name)) throw new Error(`\`${name}\` is no tool name: letters, digits, \`_\`, \`.\` and \`-\``);
  if (tools.has(name)) throw new Error(`two tools are called \`${name}\``);
  if (tools.size >= MAX_TOOLS) throw new Error(`more than ${MAX_TOOLS} tools`);
  const described = Object.entries(parameters).map(([parameter, about]) => {
    const { type, description = "", ...rest } = typeof about === "string" ? { type: about } : about;
    checkType(name, type);
    return { name: parameter, type, description, required: !("default" in rest), default: rest.default ?? null };
  });
  const { description = "", idempotent = false, timeoutMs = null, returns = "any", tags = [] } = options;
  checkType(name, returns);
  const streaming = GENERATORS.includes(run.constructor.name);
  tools.set(name, { name, run, parameters: described, streaming, description, idempotent, timeoutMs, returns, tags });
}

function checkType(tool, type) {
  if (!isType(type)) throw new Error(`\`${tool}\`: there is no type \`${type}\`, only ${typeNames.join(", ")}`);
}

/** The manifest's bytes, which `$manifest` sends, and their hash, which READY names. */
export function buildManifest({ adapter, name, version = null, description = "" }) {
  const described = [...tools.values()].sort((one, other) => (one.name < other.name ? -1 : 1)).map((tool) => ({
    name: tool.name,
    description: tool.description,
    streaming: tool.streaming,
    idempotent: tool.idempotent,
    timeout_ms: tool.timeoutMs,
    parameters: tool.parameters.map((parameter) => ({
      ...parameter,
      schema: schemaOf(parameter.type),
      stream: parameter.type === "stream",
      kind: "positional_or_keyword",
    })),
    returns: { type: tool.returns, schema: schemaOf(tool.returns) },
    tags: tool.tags,
  }));
  const bytes = encode({ format: 1, adapter, name, version, description, tools: described });
  if (bytes.length > MAX_HANDSHAKE) throw new Error(`a manifest of ${bytes.length} bytes, at most ${MAX_HANDSHAKE}`);
  // Over the exact bytes, so that nobody has to agree on a canonical form.
  return { bytes, hash: createHash("sha256").update(bytes).digest("hex") };
}
