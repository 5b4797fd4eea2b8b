/**
 * What many instances cost a node: its start, its memory, the list, and a reading of everything after a lost connection.
 *
 *     npm run build && DATABASE_URL=postgres://… node test/bench/instances.mjs [1000 47000 200000 1000000]
 *
 * For each number it makes a database of its own on that server, fills it by SQL, and starts the program on it. Stalls are
 * what the node itself says of its event loop.
 */

import { spawn } from "node:child_process";
import { createCipheriv, createHash, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";

const program = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));
const key = Buffer.alloc(32, 7);
const accountToken = "bench-account-token";
/** More than these are not asked for eight times at once: it would take minutes and say nothing else. */
const eightMax = 50_000;
const counts = process.argv.slice(2).map(Number);
const server = process.env.DATABASE_URL;
if (server === undefined) throw new Error("DATABASE_URL must name a PostgreSQL server on which databases may be made.");

const rows = [];
const empty = await measure(0);
for (const count of counts.length > 0 ? counts : [1_000, 47_000, 200_000, 1_000_000]) rows.push(await measure(count));
print(rows, empty);

async function measure(count) {
  const name = `bench_${randomBytes(6).toString("hex")}`;
  await onServer(server, `create database ${name}`);
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
  try {
    // A first start makes the tables and the account.
    await (await start(url)).stop();
    await fill(url, count);
    const node = await start(url);
    const loading = await node.stallMs();
    const memory = node.memory();
    const result = { count, ready: { ms: node.readyMs, cpu: node.readyCpuMs, stall: loading }, memory };
    if (count > 0) {
      result.page = await timed(node, () => node.list("?limit=1000"));
      result.all = await timed(node, () => node.list(""));
      if (count <= eightMax)
        result.eight = await timed(node, () => Promise.all(Array.from({ length: 8 }, () => node.list(""))));
      result.peak = node.memory("VmHWM");
      result.reread = await timed(node, () => missAChange(url, node));
    }
    await node.stop();
    return result;
  } finally {
    await onServer(server, `drop database ${name} with (force)`);
  }
}

/** Instances as creation leaves them, half of them with a channel. */
async function fill(url, count) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows: accounts } = await client.query("select id from account");
  for (let made = 0; made < count; made += 5_000) {
    const size = Math.min(5_000, count - made);
    const ids = Array.from({ length: size }, () => randomUUID());
    const tokens = ids.map(() => `ti_${randomBytes(32).toString("base64url")}`);
    const names = ids.map((_, i) => `desk-${made + i + 1}`);
    await client.query(
      "insert into instance (id, account_id, name, token_sealed) select a, $1, b, c from unnest($2::uuid[], $3::text[], $4::bytea[]) as t (a, b, c)",
      [accounts[0].id, ids, names, tokens.map((token, i) => seal(token, ids[i]))],
    );
    await client.query(
      "insert into token (hash, account_id, instance_id) select a, $1, b from unnest($2::bytea[], $3::uuid[]) as t (a, b)",
      [accounts[0].id, tokens.map((token) => createHash("sha256").update(token).digest()), ids],
    );
    await client.query(
      "insert into websocket (instance_id, enabled, events, media_base64) select a, true, '{message.exchange}', false from unnest($1::uuid[]) as t (a)",
      [ids.filter((_, i) => i % 2 === 0)],
    );
  }
  await client.query("vacuum analyze");
  await client.end();
}

/** As `src/store/encryption/sealing.ts` does. */
function seal(text, owner) {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 }).setAAD(Buffer.from(owner));
  const sealed = [cipher.update(text, "utf8"), cipher.final()];
  return Buffer.concat([nonce, cipher.getAuthTag(), ...sealed]);
}

async function start(databaseUrl) {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const env = {
    PATH: process.env.PATH,
    HOST: "127.0.0.1",
    PORT: String(port),
    GRPC_PORT: String(grpcPort),
    DATABASE_URL: databaseUrl,
    ENCRYPTION_KEY: key.toString("hex"),
    ACCOUNT_TOKEN: accountToken,
    RATE_LIMIT_GLOBAL: "0",
    DRAIN_SECONDS: "0",
    LOG_LEVEL: "warn",
    MALLOC_MMAP_THRESHOLD_: "65536",
  };
  const began = performance.now();
  const child = spawn(process.execPath, [program], { env, stdio: ["ignore", "inherit", "inherit"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const get = (path) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { token: accountToken } });
  while (!(await get("/health").catch(() => ({ ok: false }))).ok) await sleep(20);
  const readyMs = performance.now() - began;
  const node = {
    readyMs,
    memory: (line = "VmRSS") =>
      Number(new RegExp(`${line}:\\s+(\\d+)`).exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) / 1024,
    /** The longest time between two looks of the event loop since it was asked last. */
    async stallMs() {
      const text = await (await fetch(`http://127.0.0.1:${grpcPort}/metrics`)).text();
      return 1000 * Number(/^\S*eventloop_lag_max_seconds(?:\{.*\})? (\S+)/m.exec(text)?.[1]);
    },
    /** Of all its threads. */
    cpuMs() {
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1].split(" ");
      return 10 * (Number(fields[11]) + Number(fields[12]));
    },
    async list(query) {
      const answer = await get(`/api/instance/list${query}`);
      let bytes = 0;
      for await (const chunk of answer.body) bytes += chunk.length;
      return bytes;
    },
    knows: async (token) =>
      (await fetch(`http://127.0.0.1:${port}/api/instance/list`, { headers: { token } })).status === 200,
    async stop() {
      child.kill("SIGTERM");
      await exited;
    },
  };
  return { ...node, readyCpuMs: node.cpuMs() };
}

/** Cuts the connection that changes are heard on, changes a token without a word, and waits until it is known. */
async function missAChange(url, node) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const token = "missed-token";
  await client.query(
    "update token set hash = $1 where hash = (select hash from token where instance_id is not null limit 1)",
    [createHash("sha256").update(token).digest()],
  );
  await client.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'eventwire changes%' and datname = current_database()",
  );
  while (!(await node.knows(token))) await sleep(20);
  await client.end();
}

async function timed(node, work) {
  await node.stallMs();
  const began = performance.now();
  const cpu = node.cpuMs();
  await work();
  return { ms: performance.now() - began, cpu: node.cpuMs() - cpu, stall: await node.stallMs() };
}

async function onServer(url, statement) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

function freePort() {
  return new Promise((resolve) => {
    const socket = createServer().listen(0, "127.0.0.1", () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

function print(measured, { memory: base }) {
  console.log(
    "| instances | start | memory more | page of 1,000 | all | eight at once | memory at most | after a lost connection |",
  );
  console.log("| ---: | --- | ---: | --- | --- | --- | ---: | --- |");
  const time = (value) => (value < 1000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(1)} s`);
  const all = ({ ms, cpu, stall } = {}) =>
    ms === undefined ? "–" : `${time(ms)}, CPU ${time(cpu)}, stall ${time(stall)}`;
  const megabytes = (value) => `${(value - base).toFixed(0)} MB`;
  for (const { count, ready, memory, page, all: whole, eight, peak, reread } of measured) {
    const cells = [
      count.toLocaleString("en"),
      all(ready),
      megabytes(memory),
      all(page),
      all(whole),
      all(eight),
      megabytes(peak),
      all(reread),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}
