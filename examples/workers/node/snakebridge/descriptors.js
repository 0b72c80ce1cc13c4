// The worker's descriptors: the wire is moved out of reach, and what a tool may touch leads nowhere harmful.

import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";

const { O_RDONLY, O_WRONLY } = constants;

/**
 * Takes standard input and output for the wire. After it descriptor 0 reads nothing and 1 is the standard error, so that
 * neither `console.log` nor a child process can write into the wire or read from it.
 *
 * Other languages call dup(2) and dup2(2), which Node does not offer. Opening a pipe by its path in /proc gives another
 * descriptor for it, and a newly opened file has the lowest number that is free.
 */
export function takeStandardStreams() {
  // Sockets of their own: `process.stdout` would block when the pipe is full, and then nothing were read either.
  const input = new Socket({ fd: openSync("/proc/self/fd/0", O_RDONLY), readable: true, writable: false });
  const output = new Socket({ fd: openSync("/proc/self/fd/1", O_WRONLY), readable: false, writable: true });
  replace(0, "/dev/null", O_RDONLY);
  replace(1, "/proc/self/fd/2", O_WRONLY);
  return { input, output };
}

function replace(descriptor, path, flags) {
  closeSync(descriptor);
  if (openSync(path, flags) !== descriptor) throw new Error(`descriptor ${descriptor} was not the lowest that is free`);
}
