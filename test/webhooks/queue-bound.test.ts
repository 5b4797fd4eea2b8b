/** The queue of a webhook has a bound, and at the bound a publish is refused by name, or the oldest events make room. */

import { randomUUID } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { QueueBound } from "../../src/webhooks/queue-bound.js";
import { openConsumer } from "../support/consumer.js";
import { createTestDatabase } from "../support/postgres.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { scrape } from "../support/scrape.js";
import { makeInstance, openReadyNode, silent } from "../support/store.js";
import { until } from "../support/until.js";
import { hookedInstance, publish, startWebhookServer } from "../support/webhook-server.js";

const most = 3;

async function startBoundServer(env: Record<string, string> = {}): Promise<PublicServer> {
  const server = await startWebhookServer({
    ...{ WEBHOOK_QUEUE_MAX: String(most), WEBHOOK_RETRY_SECONDS: "600" },
    ...env,
  });
  onTestFinished(() => server.close());
  return server;
}

const deliveriesOf = async (server: PublicServer, instance: string, query: string) =>
  JSON.parse((await server.call("GET", `/api/events/webhook/${instance}/deliveries?${query}`)).text).deliveries;

it("at WEBHOOK_QUEUE_MAX a publish is refused with 503, which names the label, and sockets do not get the event", async () => {
  const server = await startBoundServer();
  const receiver = await startReceiver((answer) => answer.writeHead(500).end());
  const name = await hookedInstance(server, receiver.origin, { label: "crm" });
  await server.call("POST", `/api/events/websocket/${name}`, { enabled: true });
  const socket = await openConsumer(server.url, `/ws/${name}?token=${server.accountToken}`);
  for (let n = 1; n <= most; n++) await publish(server, name, { n });
  const refused = await fetch(`${server.url}/api/events/publish/${name}`, {
    method: "POST",
    headers: { token: server.accountToken, "content-type": "application/json" },
    body: '{"event":"message.status","data":{"n":4}}',
  });
  expect([refused.status, await refused.text()]).toEqual([
    503,
    '{"success":false,"error":{"message":"Webhook queue full"}}',
  ]);
  expect(refused.headers.get("eventwire-error")).toBe(
    'WEBHOOK_QUEUE_FULL; rule="at most 3 deliveries may wait for the webhook crm"',
  );
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);

  const other = await hookedInstance(server, receiver.origin);
  await publish(server, other, { n: 1 });
  expect((await server.call("POST", `/api/events/webhook/${name}/skip`, { label: "crm" })).status).toBe(200);
  const again = { event: "message.status", data: { n: 5 } };
  await until(async () => (await server.call("POST", `/api/events/publish/${name}`, again)).status === 200);
  const numbers = (await socket.take(most + 1)).map((frame) => JSON.parse(frame).data.n);
  expect(numbers).toEqual([1, 2, 3, 5]);
});

it("with drop_oldest no publish is refused: the oldest events die, and are counted", async () => {
  const server = await startBoundServer({ WEBHOOK_QUEUE_FULL: "drop_oldest" });
  const receiver = await startReceiver((answer) => answer.writeHead(500).end());
  const name = await hookedInstance(server, receiver.origin);
  for (let n = 1; n <= 2 * most; n++) await publish(server, name, { n });
  const waiting = async () =>
    (await deliveriesOf(server, name, "state=waiting")).map(({ number }: { number: string }) => number);
  await until(async () => (await waiting()).length === most);
  expect(await waiting()).toEqual(["6", "5", "4"]);
  expect(await scrape(server.server.grpcUrl, "eventwire_webhook_dropped_total")).toEqual([most]);
});

it("all queues together have a bound in bytes, and the refusal says so", async () => {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const { store, webhookQueue: queue, ...node } = await openReadyNode(database.url);
  onTestFinished(() => node.close());
  const { id: instanceId } = await makeInstance({ ...node, store, webhookQueue: queue }, "desk");
  await store.setWebhook(instanceId, {
    ...{ label: "crm", enabled: true, url: "https://app.example.net/", authorization: undefined, byEvents: false },
    ...{ events: [], mediaBase64: false, secret: undefined, sign: false, ordered: true, timeoutSeconds: 10 },
  });
  const bound = new QueueBound({ queue, queueMax: 1_000, queueMaxBytes: 2_000, whenFull: "refuse", logger: silent });
  const [{ id } = { id: "" }] = node.directory.instanceById(instanceId)?.webhooks ?? [];
  const data = Buffer.from(JSON.stringify({ text: "x".repeat(990) }));
  const event = { instanceId, type: "call.update", time: Date.now(), data, media: undefined } as const;
  for (let count = 1; count <= 2; count++) {
    bound.check(id, "crm");
    const stored = { ...event, id: randomUUID(), mediaAt: undefined, slot: undefined };
    bound.appended(await queue.append([{ event: stored, webhookIds: [id] }], randomUUID()));
    bound.counted(await queue.totals());
  }
  expect(() => bound.check(id, "crm")).toThrow(
    expect.objectContaining({
      reason: "WEBHOOK_QUEUE_FULL",
      rule: "at most 2000 bytes of events may wait for all webhooks, and the webhook crm is one of them",
    }),
  );
  expect(bound.stats.refused).toBe(1);
});
