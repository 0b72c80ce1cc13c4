// What a worker says to what a host says, frame by frame.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import * as frames from "../snakebridge/frames.js";
import { DEFAULTS } from "../snakebridge/limits.js";
import { encode } from "../snakebridge/msgpack.js";
import { Host, NONCE } from "./host.js";

const { CALL, CANCEL, CREDIT, END, ERROR, GOAWAY, ITEM, MAYBE, NEVER, PART, PING, PONG, REPLY, STREAM } = frames;
const pick = (object, ...names) => Object.fromEntries(names.map((name) => [name, object[name]]));

test("it greets with its limits and the nonce, names its manifest, and ends when the host has closed the wire", async (t) => {
  const host = new Host(t, { environment: { SNAKEBRIDGE_LIMITS: "2097152,1000000,32,5000,65536,100" } });
  const { hello, ready } = await host.greet();
  assert.deepEqual(Object.values(hello.limits), [2097152, 1000000, 32, 5000, 65536, 100]);
  assert.equal(hello.nonce, NONCE);
  assert.equal(hello.body.get("pid"), host.worker.pid);
  assert.ok(ready.body.includes("add"));
  host.call(1, "$manifest");
  const manifest = await host.next();
  assert.equal(createHash("sha256").update(manifest.bytes).digest("hex"), ready.hash);
  assert.equal(manifest.body.get("format"), 1);
  assert.equal(await host.close(), 0);
});

test("arguments may be named or given by place", async (t) => {
  const host = new Host(t);
  await host.greet();
  host.call(1, "add", { a: 2 });
  host.call(3, "add", [[2, 3], {}]);
  host.call(5, "add", [[2, 3], { b: 4 }]);
  const answers = [await host.next(), await host.next(), await host.next()].sort((one, other) => one.id - other.id);
  assert.deepEqual(answers.map(({ id, body, code }) => [id, code ?? body]), [[1, 3], [3, 5], [5, "invalid_argument"]]);
  assert.equal(answers[2].executed, NEVER);
  await host.close();
});

test("a ping is answered, and what a later version may say is ignored", async (t) => {
  const host = new Host(t);
  await host.greet();
  host.write(Buffer.from("0000000593ccc80102", "hex")); // kind 200
  host.send({ kind: PING, nonce: 7 });
  assert.deepEqual(pick(await host.next(), "kind", "nonce", "finished", "running"), {
    kind: PONG, nonce: 7, finished: 0, running: 0,
  });
  await host.close();
});

test("a stream sends a window, then waits for credit", async (t) => {
  const host = new Host(t);
  await host.greet({ limits: { ...DEFAULTS, window: 1000 } });
  host.call(1, "upward", { size: 397 }, { flags: STREAM }); // 400 bytes as MessagePack
  for (const sequence of [0, 1, 2]) assert.equal((await host.next()).sequence, sequence);
  host.send({ kind: PING, nonce: 1 });
  assert.equal((await host.next()).kind, PONG, "the third has taken the balance below zero");
  host.send({ kind: CREDIT, id: 1, stream: 0, bytes: 201 });
  assert.deepEqual(pick(await host.next(), "kind", "sequence"), { kind: ITEM, sequence: 3 });
  host.send({ kind: CANCEL, id: 1 });
  assert.deepEqual(pick(await host.next(), "kind", "code", "executed"), { kind: ERROR, code: "cancelled", executed: MAYBE });
  host.call(3, "upward", { size: 397 }, { flags: STREAM, window: 100 }); // of its own
  assert.deepEqual(pick(await host.next(), "id", "sequence"), { id: 3, sequence: 0 });
  host.send({ kind: PING, nonce: 2 });
  assert.equal((await host.next()).kind, PONG);
  await host.close();
});

test("large bodies come and go in fragments of which nothing is lost, and small frames pass between them", async (t) => {
  const host = new Host(t);
  await host.greet({ limits: { ...DEFAULTS, frame: 16 * 1024 + 1000 } });
  const size = 50_000;
  host.call(1, "upward", { size }, { flags: STREAM });
  const item = await host.next();
  assert.equal(item.total, size + 3);
  host.send({ kind: PING, nonce: 1 });
  let [length, ponged] = [0, false];
  while (length < item.total) {
    const frame = await host.next().catch((error) => assert.fail(error));
    if (frame.kind === PONG) ponged = true;
    else {
      assert.deepEqual(pick(frame, "kind", "id", "stream"), { kind: PART, id: 1, stream: 0 });
      assert.ok(frame.bytes.length <= 1000);
      length += frame.bytes.length;
    }
  }
  assert.ok(ponged || (await host.next()).kind === ITEM);
  await host.close();
});

test("a call is cancelled before its arguments have come, while it runs, and after its answer", async (t) => {
  const host = new Host(t);
  await host.greet();
  const body = encode({ a: 1, b: 2 });
  host.send({ kind: CALL, id: 1, target: "add", total: body.length });
  host.write(frames.encodeFrame({ kind: PART, id: 1, stream: 0 }, body.subarray(0, 3)));
  host.send({ kind: CANCEL, id: 1 });
  assert.deepEqual(pick(await host.next(), "id", "code", "executed"), { id: 1, code: "cancelled", executed: NEVER });
  host.write(frames.encodeFrame({ kind: PART, id: 1, stream: 0 }, body.subarray(3))); // crossed the answer
  host.call(3, "listen");
  host.send({ kind: CANCEL, id: 3 });
  assert.deepEqual(pick(await host.next(), "id", "code", "executed"), { id: 3, code: "cancelled", executed: MAYBE });
  host.send({ kind: CANCEL, id: 3 });
  host.call(5, "add", { a: 1 });
  assert.equal((await host.next()).id, 5);
  await host.close();
});

test("what a tool asks of the host names the call inside which it does so", async (t) => {
  const host = new Host(t);
  await host.greet();
  host.call(1, "ask");
  const asked = await host.next();
  assert.deepEqual(pick(asked, "kind", "id", "target", "parent"), { kind: CALL, id: 2, target: "host_tool", parent: 1 });
  assert.equal(asked.body.get("question"), 1);
  host.call(3, "add", { a: 1 }, { parent: 2 }); // which the host does inside that
  assert.equal((await host.next()).id, 3);
  host.send({ kind: REPLY, id: 2 }, 42);
  assert.deepEqual(pick(await host.next(), "kind", "id", "body"), { kind: REPLY, id: 1, body: 42 });

  host.call(5, "ask");
  assert.equal((await host.next()).id, 4);
  host.send({ kind: CANCEL, id: 5 });
  const two = [await host.next(), await host.next()].map((frame) => [frame.kind, frame.id]);
  assert.deepEqual(two, [[CANCEL, 4], [ERROR, 5]], "the host is told that nobody waits any more");
  await host.close();
});

test("what the host streams is taken item by item, and cancelled when the loop is left", async (t) => {
  const host = new Host(t);
  await host.greet();
  host.call(1, "take_all");
  const { id, flags } = await host.next();
  assert.equal(flags, STREAM);
  for (const sequence of [0, 1, 2]) host.send({ kind: ITEM, id, stream: 0, sequence }, sequence);
  host.send({ kind: END, id, stream: 0, count: 3 });
  assert.deepEqual((await host.next()).body, [0, 1, 2]);
  host.call(3, "take_two");
  const other = await host.next();
  for (const sequence of [0, 1, 2]) host.send({ kind: ITEM, id: other.id, stream: 0, sequence }, sequence);
  assert.deepEqual(pick(await host.next(), "kind", "id"), { kind: CANCEL, id: other.id });
  assert.deepEqual((await host.next()).body, [0, 1]);
  await host.close();
});

test("told to end, it says which calls it took, finishes them and takes no more", async (t) => {
  const host = new Host(t);
  await host.greet();
  host.call(1, "listen");
  host.send({ kind: PING, nonce: 1 });
  await host.next();
  host.worker.kill("SIGTERM");
  assert.deepEqual(pick(await host.next(), "kind", "last"), { kind: GOAWAY, last: 1 });
  host.call(3, "add", { a: 1 });
  host.send({ kind: CANCEL, id: 1 });
  assert.equal((await host.next()).id, 1);
  assert.equal(await host.exit, 0);
});

for (const [what, breach, why] of [
  ["garbage", (host) => host.write(Buffer.from("deadbeefcafe", "hex")), "frame_too_large"],
  ["an even id", (host) => host.call(2, "add"), "id"],
  ["an id that was used", (host) => [host.call(3, "add"), host.call(3, "add")], "id"],
  ["an answer to nothing", (host) => host.send({ kind: REPLY, id: 2 }, 1), "id"],
  ["credit for no stream", (host) => [host.call(1, "listen"), host.send({ kind: CREDIT, id: 1, stream: 0, bytes: 1 })], "flow"],
  ["a fragment of nothing", (host) => [host.call(1, "listen"), host.send({ kind: PART, id: 1, stream: 0 }, 1)], "fragment"],
  ["a second greeting", (host) => host.send({ kind: frames.READY, hash: "" }), "phase"],
]) {
  test(`a host that breaks the protocol by ${what} ends the worker with 76 and the reason`, async (t) => {
    const host = new Host(t);
    await host.greet();
    breach(host);
    assert.equal(await host.exit, 76);
    assert.match(host.stderr, new RegExp(`the host broke the protocol: ${why}`));
  });
}

test("a host with another nonce is none of ours, and one that has died is none at all", async (t) => {
  const stranger = new Host(t);
  await assert.rejects(stranger.greet({ nonce: "another" }));
  assert.equal(await stranger.exit, 76);
  const orphan = new Host(t, { environment: { SNAKEBRIDGE_PARENT_PID: "1" } });
  assert.equal(await orphan.exit, 70);
  const silent = new Host(t);
  await silent.next();
  assert.equal(await silent.close(), 70);
});

test("a module that cannot be imported is told before READY, and ends the worker with 3", async (t) => {
  const host = new Host(t, { tools: "no-such-module.js" });
  const { ready } = await host.greet();
  assert.deepEqual(pick(ready, "kind", "id", "code"), { kind: ERROR, id: 0, code: "start_failed" });
  assert.equal(ready.body.get("why"), "import");
  assert.equal(await host.exit, 3);
});

test("a worker that is told to restrict itself and cannot does not start", async (t) => {
  const host = new Host(t);
  const { ready } = await host.greet({ sandbox: { readable: null, writable: [], network: false } });
  assert.deepEqual(pick(ready, "kind", "code"), { kind: ERROR, code: "start_failed" });
  assert.equal(ready.body.get("why"), "sandbox");
  assert.equal(await host.exit, 5);
});
