/**
 * The queue of webhooks beside two job queues for PostgreSQL: how fast jobs in order go, and whether a failing job breaks the order.
 *
 *     npm run build && npm ci --prefix test/bench && DATABASE_URL=postgres://… node test/bench/queues.mjs [jobs]
 *
 * Each queue system gets a database of its own on that server. Jobs of 400 bytes wait in a hundred queues before the clock
 * starts. Eventwire sends an HTTP request for each job; for the others a job is only noted. Then one queue gets five jobs, the
 * first of which fails once and is due again after a second or more.
 */

import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import pg from "pg";
import { makeDatabase } from "./driver/nodes.mjs";
import { settle, startReceiver, warmUp } from "./driver/receivers.mjs";
import { drained, makeInstances, openNode } from "./driver/webhook-node.mjs";

const jobs = Number(process.argv[2] ?? 20_000);
const queues = 100;
const retryMs = 1_000;
const text = "x".repeat(400);

const systems = [
  ["graphile-worker, queue names", graphileWorker],
  ["pg-boss, 32 jobs a fetch", (url) => pgBoss(url, 32)],
  ["pg-boss, 1 job a fetch", (url) => pgBoss(url, 1)],
];
console.log("| queue | jobs/s | CPU of the process per job | in order | order after a failing head |");
console.log("| --- | ---: | ---: | --- | --- |");
console.log(`| Eventwire, requests included | ${(await eventwire()).join(" | ")} |`);
for (const [name, open] of systems) console.log(`| ${name} | ${(await measure(open)).join(" | ")} |`);
process.exit();

/** The whole program with a hundred ordered webhooks. Each job is an HTTP request. */
async function eventwire() {
  const hook = await startReceiver();
  const first = await openNode();
  await makeInstances(first, queues, (name) => ({ url: `${hook.url}/${name}` }));
  const node = await first.refill(warmUp + jobs);
  const { ms, cpuMs } = await drained(node, hook, jobs);
  const { ordered } = await settle(hook, warmUp + jobs);
  await node.close();
  await hook.ask("reset");
  const second = await openNode({ WEBHOOK_RETRY_SECONDS: "1,1,1" });
  await makeInstances(second, 1, { url: `${hook.url}/fail-once` });
  const failing = await second.refill(5);
  const told = await settle(hook, 5);
  await failing.close();
  hook.stop();
  return [
    Math.round((1000 * jobs) / ms).toLocaleString("en"),
    `${((1000 * cpuMs) / jobs).toFixed(0)} µs`,
    ordered ? "yes" : "no",
    told.ordered ? "kept" : "broken",
  ];
}

async function measure(open) {
  const database = await makeDatabase();
  const system = await open(database.url);
  await system.fill(jobs, queues);
  const seen = new Map();
  let done = 0;
  let all;
  const finished = new Promise((resolve) => (all = resolve));
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  await system.work(async (queue, number) => {
    await turn();
    if (!seen.has(queue)) seen.set(queue, []);
    seen.get(queue).push(number);
    if (++done === jobs) all();
    return true;
  });
  await finished;
  await system.stop();
  const ms = performance.now() - began;
  const { user, system: kernel } = process.cpuUsage(cpu);
  const ordered = [...seen.values()].every(isSorted);

  await system.fill(5, 1);
  const tried = [];
  const succeeded = [];
  await system.work(async (_, number) => {
    tried.push(number);
    if (number === Math.min(...tried) && tried.length === 1) return false;
    succeeded.push(number);
    return true;
  });
  while (succeeded.length < 5) await sleep(20);
  await system.stop();
  await system.close();
  await database.drop();
  return [
    Math.round((1000 * jobs) / ms).toLocaleString("en"),
    `${((user + kernel) / jobs).toFixed(0)} µs`,
    ordered ? "yes" : "no",
    isSorted(succeeded)
      ? "kept"
      : `broken: ${succeeded.map((number) => number - Math.min(...succeeded) + 1).join(", ")}`,
  ];
}

function isSorted(numbers) {
  return numbers.every((number, i) => i === 0 || number > numbers[i - 1]);
}

/** A queue name makes graphile-worker run the jobs of that name one after the other. */
async function graphileWorker(connectionString) {
  const { run, makeWorkerUtils, Logger } = await import("graphile-worker");
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  const client = await connect(connectionString);
  let runner;
  return {
    fill: (count, over) =>
      client.query(
        `select count(graphile_worker.add_job('note', json_build_object('queue', n % $2, 'number', n, 'text', $3::text),
           queue_name := 'queue-' || n % $2)) from generate_series(1, $1::int) as n`,
        [count, over, text],
      ),
    async work(handle) {
      const note = async ({ queue, number }) => {
        if (!(await handle(queue, number))) throw new Error("failed once");
      };
      const options = { connectionString, logger, noHandleSignals: true, pollInterval: 100 };
      runner = await run({ ...options, concurrency: 20, maxPoolSize: 20, taskList: { note } });
    },
    stop: () => runner.stop(),
    async close() {
      await utils.release();
      await client.end();
    },
  };
}

/** A loop for each queue. The workers of pg-boss itself would ask at most twice a second. */
async function pgBoss(connectionString, batchSize) {
  const { default: PgBoss } = await import("pg-boss");
  const boss = new PgBoss({ connectionString, max: 20, supervise: false, schedule: false });
  boss.on("error", console.error);
  await boss.start();
  for (let i = 0; i < queues; i++) await boss.createQueue(`queue-${i}`, { retryLimit: 3, retryDelay: retryMs / 1000 });
  let working = false;
  let loops = [];
  return {
    async fill(count, over) {
      for (let made = 0; made < count; made += Math.min(64, over)) {
        const some = Array.from({ length: Math.min(64, over, count - made) }, (_, i) => made + i);
        await boss.insert(some.map((number) => ({ name: `queue-${number % over}`, data: { number, text } })));
      }
    },
    async work(handle) {
      working = true;
      loops = Array.from({ length: queues }, async (_, i) => {
        const name = `queue-${i}`;
        while (working) {
          const batch = await boss.fetch(name, { batchSize });
          if (batch.length === 0) await sleep(100);
          const done = [];
          for (const { id, data } of batch) {
            if (await handle(i, data.number)) done.push(id);
            else await boss.fail(name, id);
          }
          if (done.length > 0) await boss.complete(name, done);
        }
      });
    },
    async stop() {
      working = false;
      await Promise.all(loops);
    },
    close: () => boss.stop({ graceful: false }),
  };
}

async function connect(connectionString) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}
