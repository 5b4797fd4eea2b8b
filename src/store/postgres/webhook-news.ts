/** What the nodes tell each other of webhooks, over the notifications of the database. */

import { type Kysely, sql } from "kysely";
import { channelSql } from "./channel.js";
import type { Schema } from "./schema.js";

/** Most ids in one notification, whose payload may have 8,000 bytes. */
const toldMax = 300;

/** What a notification tells of webhooks. `queued`: they have new deliveries. `changed`: read their deliveries anew. */
export interface WebhookNews {
  readonly kind: "queued" | "changed";
  readonly ids: readonly string[];
}

/** Tells all nodes that webhooks have new deliveries, or that their deliveries must be read anew. */
export async function tellOfWebhooks(
  db: Kysely<Schema>,
  news: { readonly queued: readonly string[] } | { readonly changed: readonly string[] },
): Promise<void> {
  const [what, ids] = "queued" in news ? ["webhooks-queued", news.queued] : ["webhooks-changed", news.changed];
  for (let from = 0; from < ids.length; from += toldMax) {
    const payload = `${what} ${ids.slice(from, from + toldMax).join(",")}`;
    await sql`select pg_notify(${sql.raw(channelSql)}, ${payload})`.execute(db);
  }
}

/** Reads the payload of a notification. Undefined when it tells nothing of webhooks. */
export function readWebhookNews(payload: string): WebhookNews | undefined {
  const [, kind, ids] = /^webhooks-(queued|changed) ([\d,]+)$/.exec(payload) ?? [];
  return kind === undefined || ids === undefined
    ? undefined
    : { kind: kind as WebhookNews["kind"], ids: ids.split(",") };
}
