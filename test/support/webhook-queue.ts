/** The queue of webhooks in a database, as a node without work sees it. */

import { onTestFinished } from "vitest";
import { createSealer } from "../../src/store/encryption/sealing.js";
import { createWriting } from "../../src/store/postgres/notify-transaction.js";
import { createDatabase } from "../../src/store/postgres/pool.js";
import { createWebhookQueue } from "../../src/store/postgres/webhook-queue.js";
import type { WebhookQueue } from "../../src/store/webhook-queue.js";
import { silent, testKey } from "./store.js";

/** Ends with its test. */
export function openWebhookQueue(databaseUrl: string): WebhookQueue {
  const db = createDatabase({ url: databaseUrl, logger: silent });
  onTestFinished(() => db.destroy());
  return createWebhookQueue({
    db,
    write: createWriting({ db, follow: async () => {} }),
    sealer: createSealer(testKey),
  });
}

/** Cleans the queue until nothing is left to clean, and once more, because a queue goes after its deliveries. */
export async function sweepAll(queue: WebhookQueue, retentionMs = 7 * 86_400_000): Promise<void> {
  const limits = { retentionMs, queueMax: 1_000_000 };
  while (await queue.sweep(limits));
  await queue.sweep(limits);
}
