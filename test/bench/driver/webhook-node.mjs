/** A node with webhooks: makes them, fills their queues, publishes, and measures how the queues are emptied. */

import { setTimeout as sleep } from "node:timers/promises";
import { createPublisher } from "../../../dist/src/client/node/publisher.js";
import { accountToken, cpuMs, makeDatabase, memoryMiB, query, startNode } from "./nodes.mjs";
import { data, settle, warmUp } from "./receivers.mjs";

let made = 0;

/** Starts a node that may send webhooks to this machine. */
export async function openNode(more = {}) {
  return start(await makeDatabase(), more);
}

async function start(database, more) {
  const settings = {
    ...more,
    DATABASE_URL: database.url,
    WEBHOOK_ALLOW_PRIVATE: "127.0.0.0/8",
    WEBHOOK_QUEUE_MAX: "10000000",
  };
  const node = await startNode(settings);
  const ask = (statement, values) => query(database.url, statement, values);
  return {
    grpcUrl: node.grpcUrl,
    post: node.post,
    query: ask,
    memory: () => memoryMiB(node.pid),
    cpuMs: () => cpuMs(node.pid),
    /** Sizes with the indexes, and what PostgreSQL has counted since `refill`. */
    async tables() {
      const { rows } = await ask(
        `select relname as name, pg_total_relation_size(relid) / 1e6 as mb, n_live_tup as live, n_dead_tup as dead,
           autovacuum_count as autovacuums, idx_scan as "byIndex", seq_scan as whole
         from pg_stat_user_tables where relname ~ '^webhook' order by 1`,
      );
      return rows.map((row) => ({ ...row, mb: Number(row.mb) }));
    },
    /** Stops the node, puts deliveries into the queues of all webhooks, and starts a node again. */
    async refill(count) {
      await node.stop();
      await ask(
        `with each as (select id, instance_id from webhook), made as (
           select each.id as webhook_id, instance_id, number, gen_random_uuid() as event_id,
             convert_to(overlay($2::text placing '{"n":' || number || ',' from 1 for 1), 'UTF8') as data
           from each, generate_series(1, $1::int / (select count(*)::int from each)) as number),
         stored as (
           insert into webhook_event (id, instance_id, type, accepted_at, data, deliveries, open)
           select event_id, instance_id, 'message.exchange', now(), data, 1, 1 from made),
         queued as (
           insert into webhook_delivery (webhook_id, number, event_id, type, bytes, accepted_at)
           select webhook_id, number, event_id, 'message.exchange', length(data), now() from made)
         update webhook_queue as queue set appended = sums.count, appended_bytes = sums.bytes
         from (select webhook_id, count(*) as count, sum(length(data)) as bytes from made group by 1) as sums
         where queue.webhook_id = sums.webhook_id`,
        [count, JSON.stringify(data)],
      );
      await ask("vacuum analyze");
      await ask("select pg_stat_reset()");
      return start(database, more);
    },
    async close() {
      await node.stop();
      await database.drop();
    },
  };
}

/** Makes instances, each with a webhook if one is given, or a function of the name that makes one. Resolves to their names. */
export async function makeInstances(node, count, webhook) {
  const names = Array.from({ length: count }, () => `desk-${++made}`);
  for (const name of names) {
    await node.post("/api/instance/new", { name });
    if (webhook === undefined) continue;
    const own = typeof webhook === "function" ? webhook(name) : webhook;
    await node.post(`/api/events/webhook/${name}`, { enabled: true, ...own });
  }
  return names;
}

/** Publishes as fast as the node answers, 64 events a batch, with up to 64 batches under way. */
export async function flood(node, names, count) {
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
export async function paced(node, names, count, everyMs) {
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

/** Resolves with the time and the CPU of the node for `count` deliveries after the warm-up. */
export async function drained(node, hook, count) {
  const { until: from, count: first } = await settle(hook, warmUp);
  const cpu = node.cpuMs();
  const { until, count: last } = await settle(hook, warmUp + count);
  const share = count / (last - first);
  return { ms: (until - from) * share, cpuMs: (node.cpuMs() - cpu) * share };
}
