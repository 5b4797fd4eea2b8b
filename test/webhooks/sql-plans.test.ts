/**
 * What PostgreSQL reads for each statement of the queue, as EXPLAIN says, when the queue is long: no more than the
 * statement is about.
 */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSealer } from "../../src/store/encryption/sealing.js";
import { createWriting } from "../../src/store/postgres/notify-transaction.js";
import { createWebhookQueue } from "../../src/store/postgres/webhook-queue.js";
import type { AttemptRecord, StoredEvent, WebhookQueue } from "../../src/store/webhook-queue.js";
import { openExplained, type Read } from "../support/explained-database.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { makeInstance, openReadyNode, testKey } from "../support/store.js";

const webhooks = 1000;
/** Waiting deliveries of the first webhook. Each of the others has 20, and 10 that were delivered and 2 that died. */
const longest = 20_000;

let database: TestDatabase;
let instanceId: string;
let first: number;

/** Fills the tables as the queue itself fills them, in a few statements. */
const fill = [
  `insert into webhook (instance_id, label, enabled, url, by_events, events, media_base64, ordered, timeout_seconds)
    select $1, 'label ' || n, true, 'http://127.0.0.1/', false, '{}', false, true, 10 from generate_series(1, ${webhooks}) n`,
  `insert into webhook_queue (webhook_id, appended, appended_bytes)
    select id, case when rank = 1 then ${longest} + 12 else 32 end, 100 * case when rank = 1 then ${longest} + 12 else 32 end
    from (select id, row_number() over (order by id) as rank from webhook) as ranked on conflict (webhook_id) do update
    set appended = excluded.appended, appended_bytes = excluded.appended_bytes`,
  `insert into webhook_progress (webhook_id, finished, finished_bytes, dead) select id, 12, 1200, 2 from webhook
    on conflict (webhook_id) do update set finished = 12, finished_bytes = 1200, dead = 2`,
  `insert into webhook_delivery
      (webhook_id, number, event_id, type, bytes, state, attempts, accepted_at, due_at, ended_at)
    select webhook_id, number, gen_random_uuid(), 'message.status', 100,
      case when number <= 10 then 1 when number <= 12 then 2 else 0 end, case when number % 50 = 0 then 1 else 0 end, now(),
      case when number > 12 and number % 50 = 0 then now() - interval '1 second' end,
      case when number <= 12 then now() end
    from webhook_queue, generate_series(1, appended) as number`,
  `insert into webhook_event (id, instance_id, type, accepted_at, data, deliveries, open)
    select event_id, $1, 'message.status', now(), '{}'::bytea, 1, 1 from webhook_delivery where state <> 1`,
  `insert into webhook_attempt (webhook_id, number, attempt, tried_at, ms)
    select webhook_id, number, 1, now(), 1 from webhook_delivery where attempts > 0`,
];

beforeAll(async () => {
  database = await createTestDatabase();
  const node = await openReadyNode(database.url);
  instanceId = (await makeInstance(node, "desk-1")).id;
  await node.close();
  for (const statement of fill) await query(database.url, statement, statement.includes("$1") ? [instanceId] : []);
  await query(database.url, "analyze");
  first = Number((await query(database.url, "select min(id) from webhook")).rows[0].min);
});

afterAll(() => database.drop());

/** The rows that a call read, by table. No call reads a table of deliveries, events or attempts from end to end. */
async function readBy(call: (queue: WebhookQueue) => Promise<unknown>): Promise<Record<string, number>> {
  const { db, taken } = openExplained(database.url);
  const write = createWriting({ db, follow: async () => {} });
  await call(createWebhookQueue({ db, write, sealer: createSealer(testKey) }));
  const reads = taken();
  expect(reads.filter(isScan)).toEqual([]);
  const rows: Record<string, number> = {};
  for (const { table, rows: count } of reads) rows[table] = (rows[table] ?? 0) + count;
  return rows;
}

function isScan({ table, how, rows }: Read): boolean {
  return how === "Seq Scan" && rows > 0 && /^webhook_(delivery|event|attempt)$/.test(table);
}

/** Expects no more rows than these of each table or part of a statement, and none of other tables of webhooks. */
function expectAtMost(rows: Record<string, number>, limits: Record<string, number>): void {
  const others = (table: string) => (table.startsWith("webhook") ? 0 : Number.POSITIVE_INFINITY);
  const over = Object.entries(rows).filter(([table, count]) => count > (limits[table] ?? others(table)));
  expect(Object.fromEntries(over)).toEqual({});
}

function storedEvent(): StoredEvent {
  const data = Buffer.from("{}");
  const common = { media: undefined, mediaAt: undefined, slot: undefined };
  return { id: randomUUID(), instanceId, type: "message.status", time: Date.now(), data, ...common };
}

it("an append reads the rows of its webhooks alone", async () => {
  const appends = Array.from({ length: 64 }, () => ({ event: storedEvent(), webhookIds: [String(first + 7)] }));
  const rows = await readBy((queue) => queue.append(appends, randomUUID()));
  expectAtMost(rows, { webhook_queue: 4, webhook_progress: 4, webhook_node: 10 });
});

it("a fetch reads as many deliveries as it returns, also from the middle of a long queue", async () => {
  for (const after of [0, 12, 10_000]) {
    const rows = await readBy((queue) => queue.fetch([{ webhookId: String(first), after }], 64));
    expectAtMost(rows, { webhook_delivery: 64, webhook_event: 64 });
  }
});

it("a fetch for 500 webhooks reads as many deliveries as it returns", async () => {
  const from = Array.from({ length: 500 }, (_, index) => ({ webhookId: String(first + 1 + index), after: 0 }));
  const rows = await readBy((queue) => queue.fetch(from, 8));
  expectAtMost(rows, { webhook_delivery: 4000, webhook_event: 4000 });
});

it("a fetch of what is due reads that, and what it is told to leave out", async () => {
  const dueExcept = [50, 100];
  const rows = await readBy((queue) => queue.fetch([{ webhookId: String(first), after: 0, dueExcept }], 64));
  expectAtMost(rows, { webhook_delivery: 68, webhook_event: 68 });
});

it("a record of attempts reads the deliveries that were tried, and no delivery again for each webhook", async () => {
  const { rows: tried } = await query(
    database.url,
    "select webhook_id, number, event_id from webhook_delivery where state = 0 order by number limit 64",
  );
  const attempts = tried.map(
    ({ webhook_id, number, event_id }, index): AttemptRecord => ({
      ...{ webhookId: webhook_id, number: Number(number), eventId: event_id, bytes: 100, shared: false, attempts: 1 },
      node: randomUUID(),
      ...{ state: index % 2 === 0 ? "delivered" : "waiting", at: Date.now(), firstAt: Date.now(), dueAt: Date.now() },
      ...{ status: 200, ms: 3, error: undefined, responseHead: undefined, pausedUntil: 0, pauses: 0 },
    }),
  );
  expect(new Set(attempts.map(({ webhookId }) => webhookId)).size).toBe(64);
  const rows = await readBy((queue) => queue.record(attempts));
  expectAtMost(rows, {
    changed: 3 * 64,
    webhook_delivery: 64,
    webhook_progress: 64,
    webhook_event: 64,
    webhook_attempt: 64,
    webhook_queue: 64,
  });
});

it("the totals read the queues, and one delivery of each", async () => {
  const rows = await readBy((queue) => queue.totals());
  const one = webhooks + 1;
  expectAtMost(rows, { webhook: one, webhook_queue: one, webhook_progress: one, webhook_delivery: one });
});

it("a claim reads the queues, and one delivery of each", async () => {
  const node = randomUUID();
  const rows = await readBy(async (queue) => {
    await queue.beat(node, true);
    await queue.claim(node);
  });
  expectAtMost(rows, {
    webhook: webhooks,
    webhook_queue: 3 * webhooks,
    webhook_delivery: webhooks,
    webhook_node: 20_000,
  });
});

it("reading webhooks reads these", async () => {
  const ids = Array.from({ length: 64 }, (_, index) => String(first + index));
  const rows = await readBy((queue) => queue.read(randomUUID(), ids));
  expectAtMost(rows, { webhook: 64, webhook_queue: 64, webhook_progress: 64 });
});

it("dropping the oldest reads these", async () => {
  const rows = await readBy((queue) => queue.dropOldest(String(first), longest - 100));
  expectAtMost(rows, {
    webhook_delivery: 200,
    webhook_queue: 1,
    webhook_progress: 2,
    webhook_event: 600,
    webhook_attempt: 200,
  });
});

it("dropping the oldest of the largest queue reads a slice of it", async () => {
  const keepBytes = 100 * (longest + 20 * webhooks - 300);
  const rows = await readBy((queue) => queue.dropLargest(keepBytes));
  const all = webhooks + 1;
  expectAtMost(rows, {
    webhook_delivery: 2000,
    webhook_queue: all,
    webhook_progress: all + 2,
    webhook_event: 1800,
    webhook_attempt: 600,
  });
});

it("cleaning reads little when there is nothing to clean, and slices when there is", async () => {
  const limits = { retentionMs: 7 * 86_400_000, queueMax: 1_000_000 };
  const rows = await readBy((queue) => queue.sweep(limits));
  const all = 3 * webhooks;
  expectAtMost(rows, { webhook: all, webhook_queue: 2 * all, webhook_progress: 2 * all, webhook_delivery: 3 * all });
});
