/** Who works a webhook, when nodes live, die and come late: the leases in the database. */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import type { AttemptRecord, StoredEvent, WebhookQueue } from "../../src/store/webhook-queue.js";
import { Leases } from "../../src/webhooks/leases.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { makeInstance, type Node, openReadyNode } from "../support/store.js";
import { until } from "../support/until.js";
import { openWebhookQueue } from "../support/webhook-queue.js";

let database: TestDatabase;
let store: Node;
let queue: WebhookQueue;
let instanceId: string;
let webhookId: string;
let made = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  store = await openReadyNode(database.url);
});
afterAll(async () => {
  await store?.close();
  await database?.drop();
});

beforeEach(async () => {
  queue = openWebhookQueue(database.url);
  instanceId = (await makeInstance(store, `desk-${++made}`)).id;
  const rest = { url: "http://127.0.0.1/", authorization: undefined, byEvents: false, events: [], mediaBase64: false };
  const more = { secret: undefined, sign: false, ordered: true, timeoutSeconds: 10 };
  await store.store.setWebhook(instanceId, { label: "default", enabled: true, ...rest, ...more });
  const find = "select id from webhook where instance_id = $1";
  webhookId = (await query(database.url, find, [instanceId])).rows[0].id;
});

async function append(node: string) {
  const data = Buffer.from("{}");
  const common = { media: undefined, mediaAt: undefined, slot: undefined };
  const event: StoredEvent = { id: randomUUID(), instanceId, type: "call.update", time: Date.now(), data, ...common };
  const [place] = await queue.append([{ event, webhookIds: [webhookId] }], node);
  return { eventId: event.id, ...place };
}

async function livingNode(): Promise<string> {
  const node = randomUUID();
  await queue.beat(node, true);
  return node;
}

/** Lets ten seconds and more pass since the last proof of life of a node. */
const die = (node: string) =>
  query(database.url, "update webhook_node set seen_at = seen_at - interval '11 seconds' where id = $1", [node]);

const attempt = (node: string, eventId: string, other: Partial<AttemptRecord>): AttemptRecord => ({
  ...{ webhookId, node, number: 1, eventId, bytes: 2, shared: false, attempts: 1, at: Date.now(), firstAt: Date.now() },
  ...{ dueAt: 0, status: 500, ms: 1, error: undefined, responseHead: undefined, pausedUntil: 0, pauses: 0 },
  ...{ state: "waiting", ...other },
});

it("go to a living node with the first event, and to no node that has not proved that it lives", async () => {
  const node = randomUUID();
  expect(await append(node)).toMatchObject({ mine: false });
  await queue.beat(node, true);
  expect(await append(node)).toMatchObject({ mine: true });
  expect(await append(await livingNode())).toMatchObject({ mine: false });
});

it("let only the node that has one read the webhook", async () => {
  const node = await livingNode();
  await append(node);
  expect(await queue.read(node, [webhookId])).toMatchObject([{ id: webhookId, node }]);
  expect(await queue.read(await livingNode(), [webhookId])).toEqual([]);
});

it("go from a dead node to another, and the dead one does not get them back by a late proof", async () => {
  const [node, other] = [await livingNode(), await livingNode()];
  await append(node);
  expect(await queue.claim(other)).not.toContain(webhookId);
  await die(node);
  expect(await queue.claim(other)).toContain(webhookId);
  expect(await queue.beat(node, false)).toBe(false);
  expect(await queue.read(node, [webhookId])).toEqual([]);
});

it("that were lost make a late attempt count only if it succeeded", async () => {
  const [node, other] = [await livingNode(), await livingNode()];
  const { eventId } = await append(node);
  await die(node);
  await queue.claim(other);
  const later = Date.now() + 600_000;
  await queue.record([attempt(node, eventId, { dueAt: later, pausedUntil: later, pauses: 1 })]);
  await queue.record([attempt(node, eventId, { state: "dead" })]);
  const [webhook] = await queue.read(other, [webhookId]);
  expect(webhook).toMatchObject({ failingSince: undefined, pausedUntil: 0, pauses: 0 });
  expect(await queue.fetch([{ webhookId, after: 0 }], 10)).toMatchObject([{ number: 1, attempts: 0, dueAt: 0 }]);
  await queue.record([attempt(node, eventId, { state: "delivered", status: 200 })]);
  expect(await queue.fetch([{ webhookId, after: 0 }], 10)).toEqual([]);
});

it("are kept, and their webhooks worked again, when an event came before they were given up", async () => {
  const kept: string[] = [];
  const idle: { id: string; tail: number }[] = [];
  const none = () => {};
  const leases = new Leases({
    ...{ queue, begun: Promise.resolve(), onBeat: none, onLost: none, onHold: none },
    onClaimed: none,
    takeIdle: () => idle.splice(0),
    onKept: (ids) => void kept.push(...ids),
    onFailure: (error) => {
      throw error;
    },
  });
  onTestFinished(() => leases.close());
  await until(() => leases.hold);
  await append(leases.node);
  await append(leases.node);
  idle.push({ id: webhookId, tail: 1 });
  await until(() => kept.length > 0);
  expect(kept).toEqual([webhookId]);
  expect(await queue.read(leases.node, [webhookId])).toHaveLength(1);
  idle.push({ id: webhookId, tail: 2 });
  await until(async () => (await queue.read(leases.node, [webhookId])).length === 0);
  expect(kept).toEqual([webhookId]);
});
