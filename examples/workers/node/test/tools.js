// Tools for the conversations with a scripted host.

import { once } from "node:events";

import { tool } from "../snakebridge/index.js";

tool("add", { a: "int", b: { type: "int", default: 1 } }, ({ a, b }) => a + b);
tool("upward", { size: "int" }, function* ({ size }) {
  for (;;) yield "x".repeat(size);
});
tool("repeat", { size: "int" }, ({ size }) => "x".repeat(size));
tool("listen", {}, async (_, { signal }) => {
  await once(signal, "abort");
  throw signal.reason;
});
tool("ask", {}, async (_, context) => context.callTool("host_tool", { question: 1 }));
tool("take_two", {}, async (_, context) => {
  const taken = [];
  for await (const item of context.streamTool("host_stream")) {
    taken.push(item);
    if (taken.length === 2) break;
  }
  return taken;
});
tool("take_all", {}, async (_, context) => {
  const taken = [];
  for await (const item of context.streamTool("host_stream")) taken.push(item);
  return taken;
});
