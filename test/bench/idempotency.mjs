/**
 * What idempotency keys cost, and that events without a key cost what they cost before.
 *
 *     npm run build && node test/bench/idempotency.mjs [--before <checkout of another commit, built>] [--rounds 9]
 *
 * Each program runs with an embedded PostgreSQL of its own, and events with a key go to a program of their own. The cases
 * take turns within a round, and the table has the median over the rounds. CPU is that of the node's process alone,
 * without PostgreSQL. Each ratio is taken inside one round.
 */

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { summary } from "./driver/statistics.mjs";
import { openRest } from "./peers/publishing/rest.mjs";
import { openStream } from "./peers/publishing/stream.mjs";

const { values: options } = parseArgs({ options: { before: { type: "string" }, rounds: { type: "string" } } });
const rounds = Number(options.rounds ?? 9);
const token = `ta_${randomBytes(12).toString("hex")}`;
const batchEvents = 64;
/** How many batches are under way on a stream. */
const batchesUnderWay = 8;
const payload = { case: "dataJson", value: Buffer.from(JSON.stringify({ text: "x".repeat(340) })) };
const plain = { instance: "desk", event: "message.status", payload };
let keys = 0;
const withKey = () => ({ ...plain, idempotencyKey: `key-of-the-benchmark-${++keys}` });

async function start(directory) {
  const dataDir = mkdtempSync(join(tmpdir(), "eventwire-keys-"));
  const child = spawn(process.execPath, [resolve(directory, "dist/src/main.js")], {
    env: {
      PATH: process.env.PATH,
      DRAIN_SECONDS: "0",
      DATA_DIR: dataDir,
      ACCOUNT_TOKEN: token,
      PORT: "0",
      GRPC_PORT: "0",
      HOST: "127.0.0.1",
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let printed = "";
  for await (const chunk of child.stdout) {
    printed += chunk;
    if (printed.includes("Eventwire listens on")) break;
  }
  const [, url, grpcUrl] = /listens on (\S+) \(public\) and (\S+) /.exec(printed);
  const call = (path, body) =>
    fetch(url + path, { method: "POST", headers: { token, "content-type": "application/json" }, body });
  await call("/api/instance/new", '{"name":"desk"}');
  const ports = { port: new URL(url).port, grpcPort: new URL(grpcUrl).port, token };
  const stream = await openStream(ports);
  return {
    url,
    stream,
    rest: await openRest(ports),
    cpuMs: () => cpuMs(child.pid),
    async end() {
      stream.close();
      child.kill("SIGTERM");
      await new Promise((done) => child.once("close", done));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** CPU time of all threads. */
function cpuMs(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const spent = tasks.map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]));
  return spent.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

/** Sends batches, some under way at once. Resolves with the events a second and the node's CPU per event, in µs. */
async function streamBatches(server, batches, makeEvent) {
  const { stream } = server;
  const messages = Array.from({ length: batches }, () =>
    stream.prepare(Array.from({ length: batchEvents }, () => makeEvent())),
  );
  const cpu = server.cpuMs();
  const begun = performance.now();
  async function send() {
    for (let message = messages.pop(); message !== undefined; message = messages.pop()) await stream.send(message);
  }
  await Promise.all(Array.from({ length: batchesUnderWay }, send));
  const events = batches * batchEvents;
  const seconds = (performance.now() - begun) / 1000;
  return { perSecond: events / seconds, cpuUs: ((server.cpuMs() - cpu) * 1000) / events };
}

/** One REST call after the other. Resolves with the median of the durations in ms, and the node's CPU per call in µs. */
async function restCalls({ url, cpuMs }, calls, key) {
  const body = `{"event":"message.status","data":${payload.value}}`;
  const cpu = cpuMs();
  const took = [];
  for (let n = 0; n < calls; n++) {
    const headers = { token, "content-type": "application/json", ...(key && { "idempotency-key": `rest-${++keys}` }) };
    const begun = performance.now();
    const answer = await fetch(`${url}/api/events/publish/desk`, { method: "POST", headers, body });
    await answer.text();
    took.push(performance.now() - begun);
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  }
  return { ms: summary(took).median, cpuUs: ((cpuMs() - cpu) * 1000) / calls };
}

/** Many REST calls without a key, 64 at a time. */
async function restFlood({ rest, cpuMs }, events) {
  const requests = rest.prepare(Array(events).fill(plain));
  const cpu = cpuMs();
  await rest.send(requests);
  return { cpuUs: ((cpuMs() - cpu) * 1000) / events };
}

const here = fileURLToPath(new URL("../..", import.meta.url));
const now = await start(here);
const keyed = await start(here);
const before = options.before && (await start(options.before));
const cases = {
  "stream, without a key": () => streamBatches(now, 600, () => plain),
  ...(before && { "stream, without a key, before": () => streamBatches(before, 600, () => plain) }),
  "stream, with a key": () => streamBatches(keyed, 150, withKey),
  "REST, 64 at a time": () => restFlood(now, 4_000),
  ...(before && { "REST, 64 at a time, before": () => restFlood(before, 4_000) }),
  "REST, one by one": () => restCalls(keyed, 300, false),
  "REST, one by one, with a key": () => restCalls(keyed, 300, true),
};
const results = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
try {
  for (const run of Object.values(cases)) await run();
  for (let round = 0; round < rounds; round++) {
    const order = Object.keys(cases);
    for (let i = 0; i < order.length; i++) {
      const name = order[(i + round) % order.length];
      results[name].push(await cases[name]());
    }
  }
  for (const [name, runs] of Object.entries(results)) {
    const columns = Object.keys(runs[0]).map((column) => {
      const { median, spread } = summary(runs.map((run) => run[column]));
      return `${column} ${median.toFixed(2)} (±${(100 * spread).toFixed(0)} %)`;
    });
    process.stdout.write(`${name}: ${columns.join(", ")}\n`);
  }
  for (const name of before ? ["stream, without a key", "REST, 64 at a time"] : []) {
    const ratios = results[name].map(({ cpuUs }, round) => cpuUs / results[`${name}, before`][round].cpuUs);
    const { median, spread } = summary(ratios);
    process.stdout.write(`${name}, CPU now / before: ${median.toFixed(3)} (±${(100 * spread).toFixed(1)} %)\n`);
  }
} finally {
  await now.end();
  await keyed.end();
  await before?.end();
}
// The idle connections of the publishers would keep the process running.
process.exit(0);
