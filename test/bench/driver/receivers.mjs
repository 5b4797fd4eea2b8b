/** A receiver of webhooks, and a bare loop of undici to the same receiver, each a process of its own: this file in another role. */

import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Agent } from "undici";
import { started } from "./nodes.mjs";

const self = fileURLToPath(import.meta.url);
/** Requests before the measured ones, so that V8 has compiled what they need. */
export const warmUp = 10_000;
export const data = { id: "3EB0", message: { content: { text: "x".repeat(400) } } };

const none = () => ({ count: 0, from: 0, until: 0, latencies: [], last: {}, ordered: true });

if (process.argv[1] === self) {
  const [role, ...args] = process.argv.slice(2);
  if (role === "receiver") receiver();
  else await bare(...args);
}

/** A receiver, which tells what it got. */
export async function startReceiver() {
  const hook = await startRole("receiver");
  return { ...hook, url: `http://127.0.0.1:${hook.port}` };
}

/** Resolves with the time and the CPU of a bare loop of `count` requests. */
export const startLoop = (port, count) => startRole("bare", port, count);

/** Waits until a receiver has got `count` requests. Resolves to what the receiver tells of them. */
export async function settle(hook, count) {
  for (;;) {
    const told = await hook.ask("tell");
    if (told.count >= count) return told;
    await sleep(5);
  }
}

async function startRole(role, ...args) {
  const child = started(fork(self, [role, ...args.map(String)]));
  const [said] = await once(child, "message");
  return {
    ...said,
    async ask(what) {
      child.send(what);
      return (await once(child, "message"))[0];
    },
    stop: () => child.kill(),
  };
}

/** Answers 204 at once, except to `/hang`, and once to `/fail-once`. */
function receiver() {
  const reply = Buffer.from("HTTP/1.1 204 No Content\r\n\r\n");
  const failure = Buffer.from("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n");
  let failed = false;
  let told = none();
  function note(path, number) {
    if (number <= (told.last[path] ?? 0)) told.ordered = false;
    told.last[path] = number;
  }
  function take(text) {
    if (text.startsWith("POST /hang")) return undefined;
    if (text.startsWith("POST /other")) return reply;
    if (text.startsWith("POST /fail-once") && !failed) {
      failed = true;
      return failure;
    }
    const now = performance.now();
    if (told.count++ === 0) told.from = now;
    told.until = now;
    const number = /"n":(\d+)/.exec(text)?.[1];
    if (number !== undefined) note(text.slice(5, text.indexOf(" ", 5)), Number(number));
    const at = /"at":(\d+)/.exec(text)?.[1];
    if (at !== undefined) told.latencies.push((Number(process.hrtime.bigint()) - Number(at)) / 1e6);
    return reply;
  }
  const server = createServer((socket) => {
    let text = "";
    socket.setNoDelay(true).on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk.latin1Slice();
      const head = text.indexOf("\r\n\r\n");
      if (head === -1) return;
      const length = Number(/content-length: (\d+)/.exec(text)?.[1] ?? 0);
      if (text.length < head + 4 + length) return;
      const answer = take(text);
      if (answer !== undefined) socket.write(answer);
      text = "";
    });
  });
  server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
  process.on("message", (what) => {
    if (what === "reset") told = none();
    process.send(told);
  });
}

/** A hundred loops that post a frame with undici and read the answer, and nothing else. */
async function bare(port, count) {
  const agent = new Agent({ pipelining: 1 });
  const body = Buffer.from(`{"event":"message.exchange","data":${JSON.stringify(data)},"instanceData":{}}`);
  const request = { origin: `http://127.0.0.1:${port}`, path: "/", method: "POST", body };
  const headers = { "content-type": "application/json" };
  let left = warmUp;
  async function loop() {
    while (left-- > 0) await (await agent.request({ ...request, headers })).body.dump();
  }
  const all = () => Promise.all(Array.from({ length: 100 }, loop));
  await all();
  left = Number(count);
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  await all();
  const { user, system } = process.cpuUsage(cpu);
  process.send({ ms: performance.now() - began, cpuMs: (user + system) / 1000 });
  process.exit();
}
