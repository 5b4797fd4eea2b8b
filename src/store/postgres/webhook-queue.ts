/** Implements the durable queue of webhooks with PostgreSQL. */

import { type Kysely, sql } from "kysely";
import type { Sealer } from "../encryption/sealing.js";
import type { WebhookQueue } from "../webhook-queue.js";
import { channelSql } from "./channel.js";
import type { Write } from "./notify-transaction.js";
import type { Schema } from "./schema.js";
import { appendEvents } from "./webhook-appends.js";
import { createDeliveryQueries } from "./webhook-deliveries.js";
import { createLeases } from "./webhook-leases.js";
import { createSweeps } from "./webhook-sweeps.js";

/** Most ids in one notification, whose payload may have 8,000 bytes. */
const toldMax = 300;

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
    append: (appends, node) => appendEvents(db, appends, node),

    async tell(news) {
      const [what, ids] = "queued" in news ? ["webhooks-queued", news.queued] : ["webhooks-changed", news.changed];
      for (let from = 0; from < ids.length; from += toldMax) {
        const payload = `${what} ${ids.slice(from, from + toldMax).join(",")}`;
        await sql`select pg_notify(${sql.raw(channelSql)}, ${payload})`.execute(db);
      }
    },
  };
}

/** What a notification tells of webhooks. `queued`: they have new deliveries. `changed`: read their deliveries anew. */
export interface WebhookNews {
  readonly kind: "queued" | "changed";
  readonly ids: readonly string[];
}

/** Reads the payload of a notification. Undefined when it tells nothing of webhooks. */
export function readWebhookNews(payload: string): WebhookNews | undefined {
  const [, kind, ids] = /^webhooks-(queued|changed) ([\d,]+)$/.exec(payload) ?? [];
  return kind === undefined || ids === undefined
    ? undefined
    : { kind: kind as WebhookNews["kind"], ids: ids.split(",") };
}
