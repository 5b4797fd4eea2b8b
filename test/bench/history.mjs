/**
 * What the history costs when several nodes keep it on JetStream: CPU per event of the node that accepts, of the node with the
 * consumers and of nats-server, and the memory of each.
 *
 *     npm run build && DATABASE_URL=postgres://… node test/bench/history.mjs [events]
 *
 * It makes a database of its own on that server, and starts nats-server and two nodes for each row. One node accepts all events over
 * one gRPC stream, the other one has ten consumers. CPU is user and system time, so other work on the machine disturbs it less than
 * the time that passes.
 */

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { WebSocket } from "ws";
import { createPublisher } from "../../dist/src/client/node/publisher.js";

const program = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));
const token = "bench-account-token";
const events = Number(process.argv[2] ?? 200_000);
const consumers = 10;
const batch = 64;
const server = process.env.DATABASE_URL;
if (server === undefined) throw new Error("DATABASE_URL must name a PostgreSQL server on which databases may be made.");

const rows = [
  ["plain WebSockets", { protocols: [], env: {} }],
  ["eventwire.v1, HISTORY_SECONDS=0", { protocols: ["eventwire.v1"], env: { HISTORY_SECONDS: "0" } }],
  ["eventwire.v1 with the history", { protocols: ["eventwire.v1"], env: {} }],
];
console.log(`${events} events of 300 bytes, ${consumers} consumers, batches of ${batch}\n`);
console.log(
  "| consumers | events/s | CPU accepting node | CPU other node | CPU nats-server | memory accepting | memory other | memory nats |",
);
console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
for (const [name, row] of rows) console.log(await measure(name, row));

async function measure(name, { protocols, env }) {
  const directory = mkdtempSync(join(tmpdir(), "eventwire-bench-"));
  const database = `bench_${randomBytes(6).toString("hex")}`;
  await onServer(`create database ${database}`);
  const ends = [];
  try {
    const nats = await startNats(directory, ends);
    const shared = {
      ...env,
      NATS_URL: nats.url,
      DATABASE_URL: Object.assign(new URL(server), { pathname: `/${database}` }).href,
      DATA_DIR: directory,
      ACCOUNT_TOKEN: token,
      ENCRYPTION_KEY: "5".repeat(64),
      RATE_LIMIT_GLOBAL: "0",
      RATE_LIMIT_PUBLISH: "0",
      DRAIN_SECONDS: "0",
    };
    const [near, far] = [await startNode(shared, ends), await startNode(shared, ends)];
    await call(near, "/api/instance/new", { name: "desk" });
    await call(near, "/api/events/websocket/desk", { enabled: true });
    await sleep(300);
    let received = 0;
    const sockets = await Promise.all(
      Array.from({ length: consumers }, async () => {
        const socket = new WebSocket(`ws://127.0.0.1:${far.port}/ws/desk?token=${token}`, protocols);
        socket.on("message", (frame) => {
          if (!frame.subarray(0, 11).toString().startsWith('{"control":')) received++;
        });
        await once(socket, "open");
        return socket;
      }),
    );
    const publisher = createPublisher({ url: `http://127.0.0.1:${near.grpcPort}`, token, receipts: false });
    const data = Buffer.from(JSON.stringify({ text: "x".repeat(280) }));
    const publish = async (count) => {
      const until = received + count * consumers;
      for (let sent = 0; sent < count; sent += batch)
        await Promise.all(Array.from({ length: batch }, () => publisher.publish("desk", "label.update", data)));
      while (received < until) await sleep(2);
    };
    await publish(batch * 200);
    const pids = [near.pid, far.pid, nats.pid];
    const before = pids.map(cpuMs);
    const begun = performance.now();
    await publish(events);
    const seconds = (performance.now() - begun) / 1000;
    const micros = pids.map((pid, i) => (((cpuMs(pid) - before[i]) * 1000) / events).toFixed(1));
    const memory = pids.map((pid) => `${Math.round(memoryMb(pid))} MB`);
    await publisher.close();
    for (const socket of sockets) socket.terminate();
    return `| ${name} | ${Math.round(events / seconds)} | ${micros.map((us) => `${us} µs`).join(" | ")} | ${memory.join(" | ")} |`;
  } finally {
    for (const end of ends.reverse()) await end();
    await onServer(`drop database ${database} with (force)`);
    rmSync(directory, { recursive: true, force: true });
  }
}

async function startNats(directory, ends) {
  const port = await freePort();
  writeFileSync(
    join(directory, "nats.conf"),
    `host: 127.0.0.1\nport: ${port}\nmax_payload: 33554432\njetstream { max_memory_store: 268435456, max_file_store: 0, store_dir: "js" }\n`,
  );
  const child = run("nats-server", ["-c", "nats.conf"], { cwd: directory, stdio: ["ignore", "ignore", "pipe"] }, ends);
  await said(child.stderr, "Server is ready");
  return { url: `nats://127.0.0.1:${port}`, pid: child.pid };
}

async function startNode(shared, ends) {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const env = { PATH: process.env.PATH, ...shared, PORT: `${port}`, GRPC_PORT: `${grpcPort}` };
  const child = run(process.execPath, [program], { env, stdio: ["ignore", "ignore", "pipe"] }, ends);
  child.stderr.resume();
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
    if (answer?.status === 200) return { port, grpcPort, pid: child.pid };
    await sleep(50);
  }
}

function run(command, args, options, ends) {
  const child = spawn(command, args, options);
  const gone = once(child, "exit");
  ends.push(async () => {
    child.kill("SIGTERM");
    await gone;
  });
  return child;
}

async function said(stream, text) {
  let log = "";
  for await (const chunk of stream) {
    log += chunk;
    if (log.includes(text)) break;
  }
}

async function call(node, path, body) {
  const headers = { token, "content-type": "application/json" };
  const answer = await fetch(`http://127.0.0.1:${node.port}${path}`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

/** User and system time of a process. */
function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function memoryMb(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
}

async function onServer(statement) {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(statement);
  await client.end();
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
