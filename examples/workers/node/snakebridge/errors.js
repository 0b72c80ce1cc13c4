// Errors on their way to the host, and from it.

import { MAYBE, NEVER, RAN } from "./frames.js";
import { Unserializable } from "./msgpack.js";

/** Thrown by a tool that wants its caller to see a code of its own, data, or that trying again may help. */
export class ToolError extends Error {
  constructor(code, message, { data, retryable = false } = {}) {
    super(message);
    this.name = "ToolError";
    Object.assign(this, { code, data, retryable });
  }
}

/** The host answered a call of ours with an error. `code` is the protocol's, or, for `host_tool`, the tool's own. */
export class HostToolError extends Error {
  constructor(code, message, data) {
    super(message || code);
    this.name = "HostToolError";
    Object.assign(this, { code, data });
  }

  /** From the header and the body of an ERROR. */
  static from(frame, body) {
    const own = frame.code === "host_tool" ? (body.get("type") ?? body.get("code")) : undefined;
    return new HostToolError(own ?? frame.code, body.get("message") ?? "", body.get("data") ?? undefined);
  }
}

/** A call that cannot be run, or whose result cannot be sent: an error of the protocol's own. */
export class Refusal extends Error {
  constructor(code, executed, message, data) {
    super(message);
    Object.assign(this, { code, executed, data });
  }
}

export const invalidArgument = (message) => new Refusal("invalid_argument", NEVER, message);

export const tooLarge = (what, size, limit) =>
  new Refusal("payload_too_large", RAN, `${what} has ${size} bytes, the host accepts ${limit}`, { size, limit });

const MAX_MESSAGE = 64 * 1024;
const MAX_TRACEBACK = 256 * 1024;
const MAX_CAUSES = 8;

const typeOf = (error) => error?.constructor?.name ?? typeof error;
const messageOf = (error) => String(error instanceof Error ? error.message : error).toWellFormed();

function causesOf(error) {
  const causes = [];
  for (let cause = error?.cause; cause !== undefined && causes.length < MAX_CAUSES; cause = cause?.cause) {
    causes.push({ type: typeOf(cause), message: messageOf(cause).slice(0, MAX_MESSAGE) });
  }
  return causes;
}

/** What an ERROR says of what a tool threw: `{ code, executed, body }`. */
export function describe(error) {
  if (error instanceof Refusal) {
    const { code, executed, message, data = null } = error;
    return { code, executed, body: { type: code, message, data } };
  }
  if (error instanceof Unserializable) {
    return { code: "unserializable", executed: RAN, body: { type: "unserializable", message: error.message } };
  }
  return {
    code: "tool",
    executed: RAN,
    body: {
      type: typeOf(error),
      message: messageOf(error).slice(0, MAX_MESSAGE).toWellFormed(),
      traceback: error instanceof Error ? String(error.stack).slice(0, MAX_TRACEBACK).toWellFormed() : null,
      causes: causesOf(error),
      code: typeof error?.code === "string" ? error.code : null,
      data: error instanceof ToolError ? (error.data ?? null) : null,
      retryable: error instanceof ToolError && error.retryable,
    },
  };
}

/** What an ERROR says of a call that was cancelled while it ran. */
export const cancelled = (reason) => ({
  code: "cancelled",
  executed: MAYBE,
  body: { type: "cancelled", message: reason },
});
