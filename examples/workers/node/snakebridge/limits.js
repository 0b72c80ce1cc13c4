// What one side accepts. Each side announces its limits in HELLO, and keeps to what the *other* announced.

const KIB = 1024;
const MIB = 1024 * KIB;

/** The order in which HELLO and `SNAKEBRIDGE_LIMITS` name them, with the defaults. */
export const DEFAULTS = {
  frame: 1 * MIB, // bytes of a frame behind its length
  body: 256 * MIB, // bytes of a body over all its fragments, and of all bodies under way in fragments together
  depth: 64, // arrays and maps inside one another
  items: 1_000_000, // values in one body, containers and keys included
  window: 256 * KIB, // bytes that a stream may send before it waits for credit
  calls: 4096, // unanswered calls in one direction
};

export const MAX_HEADER = 16 * KIB;
export const MAX_HANDSHAKE = 1 * MIB;
export const MAX_TOOLS = 4096;
export const MAX_META = 4096;
export const MAX_INPUTS = 16;
const FRAGMENT = 64 * KIB;

/** The limits that the host wants this worker to announce; the defaults where it says nothing that can be read. */
export function limitsFrom(text) {
  const numbers = (text ?? "").split(",").map(Number);
  const names = Object.keys(DEFAULTS);
  if (numbers.length !== names.length || !numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) {
    return DEFAULTS;
  }
  return Object.fromEntries(names.map((name, index) => [name, numbers[index]]));
}

/** The largest body that travels in one frame to a peer with these limits, and the largest fragment. */
export function fragmentLength(limits) {
  return Math.min(Math.max(limits.frame - MAX_HEADER, 1), FRAGMENT);
}

export const isToolName = (name) => /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/.test(name);

/** What a CALL may name: a tool, or a system call, which begins with `$`. */
export const isTarget = (target) => isToolName(target.startsWith("$") ? target.slice(1) : target);

/** 1 to 256 bytes of text without control characters. */
export const isSessionId = (session) => {
  const length = Buffer.byteLength(session);
  return length >= 1 && length <= 256 && !/\p{Cc}/u.test(session);
};
