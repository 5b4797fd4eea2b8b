/**
 * What webhooks cost a node: publishing to them, delivering, the latency, a receiver that hangs, and long queues.
 *
 *     npm run build && DATABASE_URL=postgres://… node test/bench/webhooks.mjs [publish deliver latency hanging queued webhooks]
 *
 * Each part makes a database of its own on that server, and starts the program and a receiver as processes of their own.
 * The machine must be quiet.
 */

import { fork, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { Agent } from "undici";
import { createPublisher } from "../../dist/src/client/node/publisher.js";

const program = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));
const self = fileURLToPath(import.meta.url);
const accountToken = "bench-account-token";
const data = { id: "3EB0", message: { content: { text: "x".repeat(400) } } };

/** All processes that this one has started. They end with it. */
const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill();
});
let made = 0;

const parts = { publish, deliver, latency, hanging, queued, webhooks };
const roles = { receiver, bare };
const [first, ...others] = process.argv.slice(2);
if (first in roles) roles[first](...others);
else {
  if (process.env.DATABASE_URL === undefined)
    throw new Error("DATABASE_URL must name a PostgreSQL server on which databases may be made.");
  for (const name of first === undefined ? Object.keys(parts) : [first, ...others]) {
    console.log(`\n### ${name}\n`);
    await parts[name]();
  }
  process.exit();
}

/** A gRPC stream publishes batches of 64, each event for one webhook whose receiver is not there. */
async function publish() {
  console.log("| webhook | events | events/s | node CPU per event | events per second of a core |");
  console.log("| --- | ---: | ---: | ---: | ---: |");
  for (const hooked of [false, true, false, true]) {
    const node = await open();
    const names = await instances(node, 64, hooked ? { url: "http://127.0.0.1:1024/" } : undefined);
    const count = 200_000;
    await flood(node, names, 20_000);
    const [began, cpu] = [performance.now(), node.cpuMs()];
    await flood(node, names, count);
    const [ms, spent] = [performance.now() - began, node.cpuMs() - cpu];
    console.log(
      `| ${hooked ? "yes" : "no"} | ${count} | ${perSecond(count, ms)} | ${((1000 * spent) / count).toFixed(1)} µs | ${perSecond(count, spent)} |`,
    );
    await node.close();
  }
}

/** A hundred ordered, signed webhooks with a queue each, and a bare loop of undici to the same receiver. */
async function deliver() {
  console.log(
    "| run | deliveries/s | node CPU per delivery | bare undici/s | its CPU per request | ratio | ratio of CPU |",
  );
  console.log("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  const count = 50_000;
  for (let run = 1; run <= 5; run++) {
    const hook = await startRole("receiver");
    const node = await open();
    await instances(node, 100, { url: `http://127.0.0.1:${hook.port}/`, sign: true });
    const again = await node.refill(count);
    await hook.ask("reset");
    const { ms, cpuMs } = await drained(again, hook, count);
    await again.close();
    const loop = await startRole("bare", String(hook.port), String(count));
    const bareCost = (1000 * loop.cpuMs) / count;
    const cost = (1000 * cpuMs) / count;
    console.log(
      `| ${run} | ${perSecond(count, ms)} | ${cost.toFixed(1)} µs | ${perSecond(count, loop.ms)} | ${bareCost.toFixed(1)} µs | ${(loop.ms / ms).toFixed(2)} | ${(bareCost / cost).toFixed(2)} |`,
    );
    hook.stop();
  }
}

/** One event every 20 ms, from the call of the publisher to the receiver. */
async function latency() {
  const hook = await startRole("receiver");
  const node = await open();
  const names = await instances(node, 1, { url: `http://127.0.0.1:${hook.port}/` });
  console.log("| run | p50 | p99 | max |\n| ---: | ---: | ---: | ---: |");
  for (let run = 0; run <= 3; run++) {
    await hook.ask("reset");
    await paced(node, names, 500, 20);
    const { latencies } = await settle(hook, 500);
    if (run > 0)
      console.log(`| ${run} | ${["p50", "p99", "max"].map((name) => quantile(latencies, name)).join(" | ")} |`);
  }
  await node.close();
  hook.stop();
}

/** A hundred webhooks get an event each in 100 ms. One of them hangs, or not. */
async function hanging() {
  console.log("| run | one hangs | p50 of the 99 | p99 of the 99 |\n| ---: | --- | ---: | ---: |");
  for (let run = 1; run <= 6; run++) {
    const hook = await startRole("receiver");
    const node = await open();
    const url = `http://127.0.0.1:${hook.port}`;
    const names = await instances(node, 99, { url: `${url}/` });
    const hangs = run % 2 === 0;
    const last = await instances(node, 1, { url: hangs ? `${url}/hang` : `${url}/other` });
    await paced(node, [...names, ...last], 2_000, 1);
    await settle(hook, 1_980);
    await hook.ask("reset");
    await paced(node, [...names, ...last], 10_000, 1);
    const { latencies } = await settle(hook, 9_900);
    console.log(`| ${run} | ${hangs ? "yes" : "no"} | ${quantile(latencies, "p50")} | ${quantile(latencies, "p99")} |`);
    await node.close();
    hook.stop();
  }
}

/** Queues of growing length for one webhook: memory of the node, delivery of the first 10,000, size of the tables. */
async function queued() {
  console.log(
    "| queued | memory of the node | first 10,000 | node CPU per delivery | tables and indexes | after all are delivered |",
  );
  console.log("| ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const count of [1_000, 10_000, 100_000, 1_000_000]) {
    const hook = await startRole("receiver");
    const node = await open();
    await instances(node, 1, { url: `http://127.0.0.1:${hook.port}/` });
    const taken = Math.min(count, 10_000);
    const again = await node.refill(count);
    const size = await again.tablesMb();
    const { ms, cpuMs } = await drained(again, hook, taken);
    const memory = again.memory();
    await drained(again, hook, count);
    await again.query("vacuum");
    console.log(
      `| ${count} | ${memory.toFixed(0)} MiB | ${perSecond(taken, ms)}/s | ${((1000 * cpuMs) / taken).toFixed(1)} µs | ${size.toFixed(0)} MB | ${(await again.tablesMb()).toFixed(0)} MB |`,
    );
    await again.close();
    hook.stop();
  }
}

/** 20,000 events, spread over a growing number of webhooks. */
async function webhooks() {
  console.log(
    "| webhooks | published and delivered/s | node CPU per event | memory of the node |\n| ---: | ---: | ---: | ---: |",
  );
  for (const number of [1, 10, 100, 1_000, 10_000]) {
    const hook = await startRole("receiver");
    const node = await open();
    const names = await instances(node, number, { url: `http://127.0.0.1:${hook.port}/` });
    const count = 20_000;
    await flood(node, names, count);
    await settle(hook, count);
    await hook.ask("reset");
    const [began, cpu] = [performance.now(), node.cpuMs()];
    await flood(node, names, count);
    await settle(hook, count);
    const [ms, spent] = [performance.now() - began, node.cpuMs() - cpu];
    console.log(
      `| ${number} | ${perSecond(count, ms)} | ${((1000 * spent) / count).toFixed(1)} µs | ${node.memory().toFixed(0)} MiB |`,
    );
    await node.close();
    hook.stop();
  }
}

async function open() {
  const name = `bench_${randomBytes(6).toString("hex")}`;
  await onServer(process.env.DATABASE_URL, `create database ${name}`);
  const url = Object.assign(new URL(process.env.DATABASE_URL), { pathname: `/${name}` }).href;
  return start(url, name);
}

async function start(databaseUrl, name) {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const env = {
    PATH: process.env.PATH,
    ...{ HOST: "127.0.0.1", PORT: String(port), GRPC_PORT: String(grpcPort), DATABASE_URL: databaseUrl },
    ...{ ENCRYPTION_KEY: "07".repeat(32), ACCOUNT_TOKEN: accountToken, DRAIN_SECONDS: "0", LOG_LEVEL: "error" },
    ...{ RATE_LIMIT_GLOBAL: "0", RATE_LIMIT_CREATE: "0", WEBHOOK_ALLOW_PRIVATE: "127.0.0.0/8" },
    ...{ WEBHOOK_QUEUE_MAX: "10000000", MALLOC_MMAP_THRESHOLD_: "65536" },
  };
  const child = spawn(process.execPath, [program], { env, stdio: ["ignore", "ignore", "inherit"] });
  children.add(child);
  const exited = once(child, "exit");
  const headers = { token: accountToken, "content-type": "application/json" };
  while (!(await fetch(`http://127.0.0.1:${port}/health`).catch(() => ({ ok: false }))).ok) await sleep(20);
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  const query = (statement, values) => onServer(databaseUrl, statement, values);
  return {
    grpcUrl: `http://127.0.0.1:${grpcPort}`,
    query,
    post: (path, body) =>
      fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", headers, body: JSON.stringify(body) }),
    memory: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) / 1024,
    /** Of all its threads. */
    cpuMs() {
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1].split(" ");
      return 10 * (Number(fields[11]) + Number(fields[12]));
    },
    async tablesMb() {
      const sizes =
        "select sum(pg_total_relation_size(oid)) / 1e6 as mb from pg_class where relkind = 'r' and relname ~ '^webhook_'";
      return Number((await query(sizes)).rows[0].mb);
    },
    /** Stops the node, puts deliveries into the queues of all webhooks, and starts a node again. */
    async refill(count) {
      await stop();
      const event = JSON.stringify(data);
      await query(
        `with each as (select id, instance_id from webhook), made as (
           select each.id as webhook_id, instance_id, number, gen_random_uuid() as event_id
           from each, generate_series(1, $1::int / (select count(*)::int from each)) as number),
         stored as (
           insert into webhook_event (id, instance_id, type, accepted_at, data, deliveries, open)
           select event_id, instance_id, 'message.exchange', now(), $2, 1, 1 from made),
         queued as (
           insert into webhook_delivery (webhook_id, number, event_id, type, bytes, accepted_at)
           select webhook_id, number, event_id, 'message.exchange', length($2), now() from made)
         update webhook_queue set appended = $1::int / (select count(*)::int from each),
           appended_bytes = length($2) * ($1::int / (select count(*)::int from each))`,
        [count, Buffer.from(event)],
      );
      await query("vacuum analyze");
      return start(databaseUrl, name);
    },
    async close() {
      await stop();
      await onServer(process.env.DATABASE_URL, `drop database ${name} with (force)`);
    },
  };
}

async function instances(node, count, webhook) {
  const names = Array.from({ length: count }, () => `desk-${++made}`);
  for (const name of names) {
    await node.post("/api/instance/new", { name });
    if (webhook === undefined) continue;
    const { status } = await node.post(`/api/events/webhook/${name}`, { enabled: true, ...webhook });
    if (status !== 200) throw new Error(`the webhook of ${name} was answered ${status}`);
  }
  return names;
}

/** Publishes as fast as the node answers, 64 events a batch, with up to 64 batches under way. */
async function flood(node, names, count) {
  const publisher = createPublisher({ url: node.grpcUrl, token: accountToken, receipts: false });
  const bytes = Buffer.from(JSON.stringify(data));
  let left = count;
  async function send() {
    while (left > 0) {
      const size = Math.min(64, left);
      left -= size;
      const batch = Array.from({ length: size }, (_, index) =>
        publisher.publish(names[(left + index) % names.length], "message.exchange", bytes),
      );
      await Promise.all(batch);
    }
  }
  await Promise.all(Array.from({ length: 64 }, send));
  await publisher.close();
}

/** Publishes one event every `everyMs`, on time whatever the answers do. */
async function paced(node, names, count, everyMs) {
  const publisher = createPublisher({ url: node.grpcUrl, token: accountToken, receipts: false });
  const start = performance.now();
  for (let sent = 0; sent < count; ) {
    for (; sent < count && performance.now() >= start + sent * everyMs; sent++) {
      publisher.publish(names[sent % names.length], "message.exchange", {
        ...data,
        at: Number(process.hrtime.bigint()),
      });
    }
    await sleep(1);
  }
  await publisher.close();
}

/** Waits until a receiver has so many requests, and tells when the first and the last came. */
async function settle(hook, count) {
  for (;;) {
    const told = await hook.ask("tell");
    if (told.count >= count) return told;
    await sleep(5);
  }
}

async function drained(node, hook, count) {
  let cpu = node.cpuMs();
  while ((await hook.ask("tell")).count === 0) cpu = node.cpuMs();
  const { from, until } = await settle(hook, count);
  return { ms: until - from, cpuMs: node.cpuMs() - cpu };
}

/** Starts this file in another role. A receiver answers questions; a bare loop tells its figures and ends. */
async function startRole(role, ...args) {
  const child = fork(self, [role, ...args]);
  children.add(child);
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

/** Answers 204 at once, except to `/hang`. */
function receiver() {
  const reply = Buffer.from("HTTP/1.1 204 No Content\r\n\r\n");
  let told = { count: 0, from: 0, until: 0, latencies: [] };
  function take(text) {
    if (text.startsWith("POST /hang")) return false;
    if (text.startsWith("POST /other")) return true;
    const now = performance.now();
    if (told.count++ === 0) told.from = now;
    told.until = now;
    const at = /"at":(\d+)/.exec(text)?.[1];
    if (at !== undefined) told.latencies.push((Number(process.hrtime.bigint()) - Number(at)) / 1e6);
    return true;
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
      if (take(text)) socket.write(reply);
      text = "";
    });
  });
  server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
  process.on("message", (what) => {
    if (what === "reset") told = { count: 0, from: 0, until: 0, latencies: [] };
    process.send(told);
  });
}

/** A hundred loops that post a frame with undici and read the answer, and nothing else. */
async function bare(port, count) {
  const agent = new Agent({ pipelining: 1 });
  const body = Buffer.from(`{"event":"message.exchange","data":${JSON.stringify(data)},"instanceData":{}}`);
  const request = { origin: `http://127.0.0.1:${port}`, path: "/", method: "POST", body };
  const headers = { "content-type": "application/json" };
  let left = 10_000;
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

function quantile(values, name) {
  const sorted = values.toSorted((a, b) => a - b);
  const share = { p50: 0.5, p99: 0.99, max: 1 }[name];
  return `${(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1)} ms`;
}

function perSecond(count, ms) {
  return Math.round((1000 * count) / ms).toLocaleString("en");
}

async function onServer(url, statement, values) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(statement, values);
  } finally {
    await client.end();
  }
}

function freePort() {
  return new Promise((resolve) => {
    const socket = createServer().listen(0, "127.0.0.1", () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
