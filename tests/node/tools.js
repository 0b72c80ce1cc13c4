// Tools that do what the tests of workers in other languages need to see.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";

import { tool } from "../../examples/workers/node/snakebridge/index.js";

let yielded = 0;

tool("endless", { size: "int" }, function* ({ size }) {
  for (yielded = 0; ; ) {
    yielded += 1;
    yield Buffer.alloc(size);
  }
});

tool("yielded", {}, () => yielded);

tool("note_end", { path: "str" }, async function* ({ path }) {
  try {
    for (let number = 0; ; number++) yield number;
  } finally {
    appendFileSync(path, "closed\n");
  }
});

tool("wait_for_abort", { path: "str" }, async ({ path }, { signal }) => {
  appendFileSync(path, "waits\n");
  await once(signal, "abort");
  appendFileSync(path, "aborted\n");
  throw signal.reason;
});

tool("never_lets_go", { path: "str" }, async ({ path }) => {
  appendFileSync(path, "waits\n");
  await new Promise(() => {});
});

tool("spin", { path: "str" }, ({ path }) => {
  appendFileSync(path, `${process.pid}\n`);
  for (;;);
});

tool("fails_after", { items: "int" }, function* ({ items }) {
  for (let number = 0; number < items; number++) yield number;
  throw new RangeError("no more", { cause: new TypeError("the cause") });
});

tool("prints", {}, () => {
  console.log("printed by console.log");
  spawnSync("echo", ["printed by a child"], { stdio: "inherit" });
  return "done";
});

tool("returns_what_cannot_travel", {}, () => ({ list: [1, { deep: () => {} }] }));

tool("doubled", { numbers: "stream" }, async function* ({ numbers }) {
  for await (const number of numbers) yield number * 2;
  return "all of them";
});

tool("first", { numbers: "stream" }, async ({ numbers }) => {
  for await (const number of numbers) return number;
  return null;
});

tool("sums_the_hosts_numbers", { to: "int" }, async ({ to }, context) => {
  let sum = 0;
  for await (const number of context.streamTool("numbers", { to })) sum += number;
  return sum;
});

tool("takes_some_of_the_hosts_numbers", { some: "int" }, async ({ some }, context) => {
  const taken = [];
  for await (const number of context.streamTool("numbers", { to: 1_000_000 })) {
    if (taken.push(number) === some) break;
  }
  return taken;
});

// Down through the host, which calls this tool again.
tool("descends", { levels: "int" }, async ({ levels }, context) => {
  return levels === 0 ? 0 : 1 + (await context.callTool("descend", { levels: levels - 1 }));
});

tool("asks_the_host", { name: "str", args: "dict" }, async ({ name, args }, context) => {
  try {
    return { value: await context.callTool(name, args), session: context.session };
  } catch (error) {
    return { code: error.code, message: error.message };
  }
});
