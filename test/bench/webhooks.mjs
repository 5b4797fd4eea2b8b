/**
 * What webhooks cost a node: publishing to them, delivering, the latency, a receiver that hangs, and long queues.
 *
 *     npm run build && DATABASE_URL=postgres://… node test/bench/webhooks.mjs [publish deliver latency hanging queued webhooks tables many-tables]
 *
 * Each part makes a database of its own on that server, and starts the program and a receiver as processes of their own.
 * The machine must be quiet.
 */

import { settle, startLoop, startReceiver, warmUp } from "./driver/receivers.mjs";
import { drained, flood, makeInstances, openNode, paced } from "./driver/webhook-node.mjs";

const parts = {
  ...{ publish, deliver, latency, hanging, queued, webhooks },
  tables: () => tables(1, 1_000_000),
  "many-tables": () => tables(10_000, 200_000),
};
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
for (const name of names) {
  console.log(`\n### ${name}\n`);
  await parts[name]();
}
process.exit();

/** A gRPC stream publishes batches of 64, each event for one webhook whose receiver is not there. */
async function publish() {
  console.log("| webhook | events | events/s | node CPU per event | events per second of a core |");
  console.log("| --- | ---: | ---: | ---: | ---: |");
  for (const hooked of [false, true, false, true]) {
    const node = await openNode();
    const names = await makeInstances(node, 64, hooked ? { url: "http://127.0.0.1:1024/" } : undefined);
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
    const hook = await startReceiver();
    const node = await openNode();
    await makeInstances(node, 100, { url: `${hook.url}/`, sign: true });
    const again = await node.refill(warmUp + count);
    const { ms, cpuMs } = await drained(again, hook, count);
    await again.close();
    const loop = await startLoop(hook.port, count);
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
  const hook = await startReceiver();
  const node = await openNode();
  const names = await makeInstances(node, 1, { url: `${hook.url}/` });
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

/** A hundred webhooks get an event each in 100 ms. One of them hangs, or not. Pairs of runs, the order turned in every second pair. */
async function hanging() {
  console.log("| run | one hangs | p50 of the 99 | p99 of the 99 | max |\n| ---: | --- | ---: | ---: | ---: |");
  for (let run = 1; run <= 20; run++) {
    const hook = await startReceiver();
    const node = await openNode();
    const { url } = hook;
    const names = await makeInstances(node, 99, { url: `${url}/` });
    const hangs = run % 4 === 2 || run % 4 === 3;
    const last = await makeInstances(node, 1, { url: hangs ? `${url}/hang` : `${url}/other` });
    await paced(node, [...names, ...last], 2_000, 1);
    await settle(hook, 1_980);
    await hook.ask("reset");
    await paced(node, [...names, ...last], 10_000, 1);
    const { latencies } = await settle(hook, 9_900);
    const figures = ["p50", "p99", "max"].map((name) => quantile(latencies, name));
    console.log(`| ${run} | ${hangs ? "yes" : "no"} | ${figures.join(" | ")} |`);
    await node.close();
    hook.stop();
  }
}

/** Queues of growing length for one webhook: memory of the node, and delivery of the next 10,000 or all. */
async function queued() {
  console.log("| queued | memory of the node | deliveries/s | node CPU per delivery | tables and indexes |");
  console.log("| ---: | ---: | ---: | ---: | ---: |");
  for (const count of [1_000, 10_000, 100_000, 1_000_000]) {
    const hook = await startReceiver();
    const node = await openNode();
    await makeInstances(node, 1, { url: `${hook.url}/` });
    const taken = Math.min(count, 10_000);
    const again = await node.refill(warmUp + count);
    const size = (await again.tables()).reduce((sum, { mb }) => sum + mb, 0);
    const { ms, cpuMs } = await drained(again, hook, taken);
    console.log(
      `| ${count.toLocaleString("en")} | ${again.memory().toFixed(0)} MiB | ${perSecond(taken, ms)} | ${((1000 * cpuMs) / taken).toFixed(1)} µs | ${size.toFixed(0)} MB |`,
    );
    await again.close();
    hook.stop();
  }
}

/** What the tables hold after `count` deliveries to `number` webhooks. */
async function tables(number, count) {
  const hook = await startReceiver();
  const node = await openNode();
  await makeInstances(node, number, { url: `${hook.url}/` });
  const again = await node.refill(count);
  const queuedMb = new Map((await again.tables()).map(({ name, mb }) => [name, mb]));
  const { from, until } = await settle(hook, count);
  console.log(
    `${count.toLocaleString("en")} deliveries to ${number.toLocaleString("en")} webhooks, ${perSecond(count, until - from)} a second\n`,
  );
  console.log(
    "| table | queued | delivered | live rows | dead rows | autovacuums | scans of an index | scans of the table |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
  );
  for (const table of await again.tables()) {
    const counts = [table.live, table.dead, table.autovacuums, table.byIndex, table.whole];
    console.log(
      `| ${table.name} | ${queuedMb.get(table.name).toFixed(1)} MB | ${table.mb.toFixed(1)} MB | ${counts.map((one) => Number(one).toLocaleString("en")).join(" | ")} |`,
    );
  }
  console.log("\n| index | scans |\n| --- | ---: |");
  const used =
    "select indexrelname as name, idx_scan as scans from pg_stat_user_indexes where relname ~ '^webhook' order by 1";
  for (const { name, scans } of (await again.query(used)).rows)
    console.log(`| ${name} | ${Number(scans).toLocaleString("en")} |`);
  console.log();
  await again.close();
  hook.stop();
}

/** 20,000 events, spread over a growing number of webhooks. */
async function webhooks() {
  console.log(
    "| webhooks | published and delivered/s | node CPU per event | memory of the node |\n| ---: | ---: | ---: | ---: |",
  );
  for (const number of [1, 10, 100, 1_000, 10_000]) {
    const hook = await startReceiver();
    const node = await openNode();
    const names = await makeInstances(node, number, { url: `${hook.url}/` });
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

function quantile(values, name) {
  const sorted = values.toSorted((a, b) => a - b);
  const share = { p50: 0.5, p99: 0.99, max: 1 }[name];
  return `${(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1)} ms`;
}

function perSecond(count, ms) {
  return Math.round((1000 * count) / ms).toLocaleString("en");
}
