/** The publisher against a real service port: order, batches, refusals, and what a lost connection leaves open. */

import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { createPublisher, type PublisherOptions } from "../../src/client/node/publisher.js";
import { speaksHttp2 } from "../../src/client/node/speaks-http2.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

let node: ServiceNode;
let instanceId: string;
beforeAll(async () => {
  node = await startServiceNode({ publishMaxBytes: 2 ** 21 });
  const { id: accountId } = node.directory.principal(node.token) as { id: string };
  ({ id: instanceId } = await node.store.createInstance({ accountId, name: "desk-1" }));
});
afterAll(() => node?.close());

function open(options: Partial<PublisherOptions> = {}) {
  const publisher = createPublisher({ url: node.url, token: node.token, ...options });
  onTestFinished(() => publisher.close());
  return publisher;
}

it("publishes in the order of the calls, the events of a turn together, and bytes as they are", async () => {
  const events = node.eventsOf(instanceId);
  const publisher = open();
  const calls = Array.from({ length: 3_000 }, (_, n) => publisher.publish("desk-1", "call.update", { n }));
  calls.push(publisher.publish("desk-1", "label.update", Buffer.from('{"big": 12345678901234567890}')));
  const published = await Promise.all(calls);
  expect(new Set(published.map(({ id }) => id)).size).toBe(3_001);
  for (const one of published)
    expect(one).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sockets: 0,
      webhooks: 0,
      otherNodesReached: true,
    });
  expect(events.slice(0, 3_000).map(({ data }) => JSON.parse(data.toString()).n)).toEqual(
    Array.from(Array(3_000).keys()),
  );
  expect(events.at(-1)?.data.toString()).toBe('{"big": 12345678901234567890}');
});

it("carries media and the time at which it happened", async () => {
  const events = node.eventsOf(instanceId);
  const occurredAt = new Date("2026-11-29T13:20:00.123Z");
  const options = { media: Buffer.from("jpeg"), occurredAt };
  await open().publish("desk-1", "message.exchange", { message: { media: { mimetype: "image/jpeg" } } }, options);
  expect(events[0]).toMatchObject({ media: Buffer.from("jpeg"), occurredAt: occurredAt.getTime() });
});

it("rejects an event that is refused, and publishes those around it", async () => {
  const events = node.eventsOf(instanceId);
  const publisher = open();
  const results = await Promise.allSettled([
    publisher.publish("desk-1", "call.update", { n: 1 }),
    publisher.publish("desk-2", "call.update", { n: 2 }),
    publisher.publish("desk-1", "nonsense", { n: 3 }),
    publisher.publish("desk-1", "call.update", Buffer.from("[]")),
    publisher.publish("desk-1", "call.update", { n: 5 }),
  ]);
  expect(results.map((one) => (one.status === "rejected" ? one.reason : one.value))).toMatchObject([
    { otherNodesReached: true },
    { name: "PublishError", reason: "INSTANCE_NOT_FOUND", outcome: "not published" },
    { reason: "INVALID_REQUEST_BODY", field: "event", rule: expect.any(String) },
    { reason: "INVALID_REQUEST_BODY" },
    { otherNodesReached: true },
  ]);
  expect(events.map(({ data }) => JSON.parse(data.toString()))).toEqual([{ n: 1 }, { n: 5 }]);
});

it("sends large events in batches that a gateway takes", async () => {
  const events = node.eventsOf(instanceId);
  const publisher = open();
  const text = "x".repeat(600_000);
  await Promise.all([1, 2, 3, 4, 5, 6].map((n) => publisher.publish("desk-1", "call.update", { n, text })));
  expect(events).toHaveLength(6);
});

it("says at once that a token is no good", async () => {
  const publisher = open({ token: "ta_of-nobody" });
  const calls = [1, 2].map((n) => publisher.publish("desk-1", "call.update", { n }));
  for (const one of await Promise.allSettled(calls))
    expect(one).toMatchObject({ reason: { reason: "INVALID_TOKEN", outcome: "not published" } });
});

it("waits for a gateway that cannot be reached, as long as it is told", async () => {
  const proxy = await startDatabaseProxy(node.url);
  onTestFinished(() => proxy.close());
  await proxy.cut();
  const impatient = open({ url: proxy.url, unreachableMaxMs: 0 });
  await expect(impatient.publish("desk-1", "call.update", {})).rejects.toMatchObject({
    reason: "UNREACHABLE",
    outcome: "not published",
  });
  const patient = open({ url: proxy.url, receipts: false }).publish("desk-1", "call.update", {});
  await proxy.heal();
  expect(await patient).toEqual({ otherNodesReached: true });
});

it("says that the outcome is unknown when the answer is lost, and goes on with the next event", async () => {
  const proxy = await startDatabaseProxy(node.url);
  onTestFinished(() => proxy.close());
  const publisher = open({ url: proxy.url });
  await publisher.publish("desk-1", "call.update", {});
  proxy.silence();
  const lost = publisher.publish("desk-1", "call.update", {});
  // The event is in the silent network when its turn is over.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  await proxy.cut();
  await expect(lost).rejects.toMatchObject({ reason: "CONNECTION_LOST", outcome: "unknown" });
  await proxy.heal();
  expect(await publisher.publish("desk-1", "call.update", {})).toMatchObject({ otherNodesReached: true });
});

it("sends an event with a key again when its answer is lost, and the event is delivered once", async () => {
  const proxy = await startDatabaseProxy(node.url);
  onTestFinished(() => proxy.close());
  const { id, accountId } = await node.createInstance("desk-of-keys");
  const numbers: unknown[] = [];
  const subscription = node.bus.subscribe({ id, accountId }, ({ data }) => {
    numbers.push(JSON.parse(Buffer.from(data).toString()).n);
    // The event has its delivery, and its answer is not sent yet.
    if (numbers.length === 1) void proxy.cut().then(proxy.heal);
  });
  onTestFinished(() => subscription.stop());
  const publisher = open({ url: proxy.url });
  const calls = [1, 2].map((n) =>
    publisher.publish("desk-of-keys", "call.update", { n }, { idempotencyKey: `again-${n}` }),
  );
  const [first] = await Promise.all(calls);
  expect(numbers).toEqual([1, 2]);
  const repeated = publisher.publish("desk-of-keys", "call.update", { n: 1 }, { idempotencyKey: "again-1" });
  expect(await repeated).toEqual(first);
  const other = publisher.publish("desk-of-keys", "call.update", { n: 3 }, { idempotencyKey: "again-1" });
  await expect(other).rejects.toMatchObject({ reason: "IDEMPOTENCY_KEY_USED", outcome: "not published" });
});

it("keeps no more events than it is told, and none after its end", async () => {
  const publisher = open({ eventsMax: 2 });
  const calls = [1, 2, 3].map((n) => publisher.publish("desk-1", "call.update", { n }));
  await expect(calls[2]).rejects.toMatchObject({ reason: "QUEUE_FULL", outcome: "not published" });
  const closed = publisher.close();
  await expect(publisher.publish("desk-1", "call.update", {})).rejects.toMatchObject({ reason: "CLOSED" });
  await closed;
  expect(await Promise.all(calls.slice(0, 2))).toHaveLength(2);
});

it("tells the service port from the public port by HTTP/2", async () => {
  const server: PublicServer = await startPublicServer();
  onTestFinished(() => server.close());
  expect(await speaksHttp2(server.server.grpcUrl)).toBe(true);
  expect(await speaksHttp2(server.url)).toBe(false);
  const publisher = open({ url: server.url, token: server.accountToken, unreachableMaxMs: 0 });
  await expect(publisher.publish("desk-1", "call.update", {})).rejects.toMatchObject({ outcome: "unknown" });
});
