/** Nodes that store events for one webhook at the same time number them in the order of their commits. */

import { randomUUID } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import type { Append, WebhookQueue } from "../../src/store/webhook-queue.js";
import { createTestDatabase } from "../support/postgres.js";
import { makeInstance, openReadyNode } from "../support/store.js";

const [rounds, perGroup] = [30, 4];

it("the events of each node keep their order in the queue, whichever node commits between them", async () => {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const first = await openReadyNode(database.url);
  const nodes = [first, await openReadyNode(database.url)];
  for (const node of nodes) onTestFinished(() => node.close());
  const { id: instanceId } = await makeInstance(first, "desk");
  await first.store.setWebhook(instanceId, {
    ...{ label: "crm", enabled: true, url: "https://app.example.net/", authorization: undefined, byEvents: false },
    ...{ events: [], mediaBase64: false, secret: undefined, sign: false, ordered: true, timeoutSeconds: 10 },
  });
  const [{ id } = { id: "" }] = first.directory.instanceById(instanceId)?.webhooks ?? [];
  const append = (n: number): Append => ({
    webhookIds: [id],
    event: {
      ...{ id: randomUUID(), instanceId, type: "call.update", time: Date.now(), data: Buffer.from(String(n)) },
      ...{ media: undefined, mediaAt: undefined, slot: undefined },
    },
  });

  async function appendFrom(queue: WebhookQueue, node: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const group = Array.from({ length: perGroup }, (_, i) => append(1_000 * node + round * perGroup + i));
      await queue.append(group, randomUUID());
    }
  }
  await Promise.all(nodes.map(({ webhookQueue }, node) => appendFrom(webhookQueue, node)));

  const found = await first.webhookQueue.fetch([{ webhookId: id, after: 0 }], 1_000);
  expect(found.map(({ number }) => number)).toEqual(Array.from({ length: 2 * rounds * perGroup }, (_, i) => i + 1));
  const numbers = found.map(({ event }) => Number(event.data.toString()));
  for (const node of nodes.keys()) {
    const own = numbers.filter((n) => Math.floor(n / 1_000) === node);
    expect(own).toEqual(Array.from({ length: rounds * perGroup }, (_, i) => 1_000 * node + i));
  }
});
