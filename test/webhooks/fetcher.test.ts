/** How much the waiting deliveries that are read at once may hold. */

import { randomUUID } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import type { StoredEvent, WebhookQueue } from "../../src/store/webhook-queue.js";
import { Fetcher } from "../../src/webhooks/fetcher.js";
import { Lane, type LaneHost } from "../../src/webhooks/lane.js";
import { createTestDatabase, query } from "../support/postgres.js";
import { makeInstance, openReadyNode } from "../support/store.js";
import { until } from "../support/until.js";
import { openWebhookQueue } from "../support/webhook-queue.js";

const MiB = 1024 * 1024;

it("asks for few webhooks at once while events are large, and stops when the memory for events is full", async () => {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const store = await openReadyNode(database.url);
  onTestFinished(() => store.store.close());
  const instanceId = (await makeInstance(store, "desk")).id;
  await query(
    database.url,
    `insert into webhook (instance_id, label, enabled, url, by_events, events, media_base64, ordered, timeout_seconds)
      select $1, n::text, true, 'http://127.0.0.1/', false, '{}', false, true, 10 from generate_series(1, 30) as n`,
    [instanceId],
  );
  await query(database.url, "insert into webhook_queue (webhook_id) select id from webhook");
  await query(database.url, "insert into webhook_progress (webhook_id) select id from webhook");
  const ids = (await query(database.url, "select id from webhook order by id")).rows.map(({ id }) => String(id));
  const queue = openWebhookQueue(database.url);
  const node = randomUUID();
  await queue.beat(node, true);
  const data = Buffer.alloc(4 * MiB, "x");
  const common = { media: undefined, mediaAt: undefined, slot: undefined };
  for (const id of ids) {
    const event: StoredEvent = { id: randomUUID(), instanceId, type: "call.update", time: 0, data, ...common };
    await queue.append([{ event, webhookIds: [id] }], node);
  }

  const answers: number[] = [];
  const watched: WebhookQueue = {
    ...queue,
    async fetch(from, limit) {
      const found = await queue.fetch(from, limit);
      answers.push(found.reduce((sum, { bytes }) => sum + bytes, 0));
      return found;
    },
  };
  const fetcher = new Fetcher(watched, (error) => {
    throw error;
  });
  const never = () => {
    throw new Error("nothing is sent here");
  };
  const host: LaneHost = {
    ...{ memory: fetcher, failingMsMax: 0, retryIn: () => 0, record: never, read: never, disable: never },
    maySend: () => true,
    send: () => new Promise(() => {}),
    fetch: (lane) => fetcher.add(lane),
  };
  for (const webhook of await queue.read(node, ids)) new Lane(webhook, host).work();
  await until(() => answers.length > 0 && !fetcher.hasRoom);
  expect(Math.max(...answers)).toBeLessThanOrEqual(16 * MiB);
  expect(answers.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(64 * MiB + 16 * MiB);
});
