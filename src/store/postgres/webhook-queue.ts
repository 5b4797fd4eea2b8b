/** Implements the durable queue of webhooks with PostgreSQL. */

import type { Kysely } from "kysely";
import type { Sealer } from "../encryption/sealing.js";
import type { WebhookQueue } from "../webhook-queue.js";
import type { Write } from "./notify-transaction.js";
import type { Schema } from "./schema.js";
import { appendEvents } from "./webhook-appends.js";
import { createDeliveryQueries } from "./webhook-deliveries.js";
import { createDrops } from "./webhook-drops.js";
import { createLeases } from "./webhook-leases.js";
import { tellOfWebhooks } from "./webhook-news.js";
import { createSweeps } from "./webhook-sweeps.js";

export interface WebhookQueueOptions {
  readonly db: Kysely<Schema>;
  readonly write: Write;
  readonly sealer: Sealer;
}

export function createWebhookQueue({ db, write, sealer }: WebhookQueueOptions): WebhookQueue {
  return {
    ...createLeases({ db, sealer }),
    ...createDeliveryQueries({ db }),
    ...createSweeps({ db, write }),
    ...createDrops({ db }),
    append: (appends, node) => appendEvents(db, appends, node),
    tell: (news) => tellOfWebhooks(db, news),
  };
}
