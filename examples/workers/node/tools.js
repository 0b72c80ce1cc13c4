// Tools for the example program, and for the tests of workers in other languages.

import { setTimeout as sleep } from "node:timers/promises";

import { ToolError, tool } from "./snakebridge/index.js";

export const description = "Small tools in JavaScript.";

tool("add", { a: "int", b: "int" }, ({ a, b }) => a + b, { idempotent: true, returns: "int" });

tool("greet", { name: "str", greeting: { type: "str", default: "Hello" } }, ({ name, greeting }) => {
  return `${greeting}, ${name}!`;
});

tool("echo", { value: "any" }, ({ value }) => value, { description: "Give back what came." });

tool("word_counts", { text: "str" }, ({ text }) => {
  const counts = {};
  for (const word of text.match(/\p{L}+/gu) ?? []) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
});

// A generator is a stream. It goes on when the reader has taken what it has yielded.
tool("count", { to: "int", size: { type: "int", default: 0 } }, function* ({ to, size }) {
  for (let number = 1; number <= to; number++) yield { number, padding: "x".repeat(size) };
});

// A stream among the arguments is an asynchronous iterator.
tool("total", { numbers: "stream" }, async ({ numbers }) => {
  let total = 0;
  for await (const number of numbers) total += number;
  return total;
});

// What is awaited has to know the signal: nothing else stops it.
tool("sleep", { seconds: "float" }, async ({ seconds }, { signal }) => {
  await sleep(seconds * 1000, undefined, { signal });
  return seconds;
});

tool("buy", { item: "str", stock: "int" }, ({ item, stock }) => {
  if (stock === 0) throw new ToolError("out_of_stock", `no ${item} left`, { data: { item }, retryable: true });
  return stock - 1;
});

// `context` has the host's tools, too: here a Rust function decides.
tool("allowed_words", { text: "str" }, async ({ text }, context) => {
  const words = text.match(/\p{L}+/gu) ?? [];
  const allowed = await Promise.all(words.map((word) => context.callTool("is_allowed", { word })));
  return words.filter((_, index) => allowed[index]);
});
