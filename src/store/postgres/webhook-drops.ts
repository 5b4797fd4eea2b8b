/** Drops the oldest waiting deliveries of queues that are over their bounds. Several nodes may do this at once. */

import { type Kysely, type RawBuilder, sql } from "kysely";
import type { WebhookQueue } from "../webhook-queue.js";
import type { Schema } from "./schema.js";
import { closeEvents } from "./webhook-deliveries.js";

/** Most deliveries that one statement drops. */
const sliceRows = 1_000;
/** The key of the lock under which one node at a time looks at the bytes of all queues. */
const bytesLock = 0x77686b62;

type Drops = Pick<WebhookQueue, "dropOldest" | "dropLargest">;

export function createDrops({ db }: { db: Kysely<Schema> }): Drops {
  return {
    dropOldest(webhookId, keep) {
      const oldest = sql`
        select number from webhook_delivery
        where webhook_id = ${webhookId}::bigint and state = 0 order by number
        limit (
          select least(${sql.lit(sliceRows)}, greatest(0, queue.appended - progress.finished - ${keep}))
          from webhook_queue as queue join progress using (webhook_id) where webhook_id = ${webhookId}::bigint)
        for update skip locked`;
      return db.transaction().execute((transaction) => drop(transaction, webhookId, oldest));
    },

    dropLargest: (keepBytes) =>
      db.transaction().execute(async (transaction) => {
        const lock = await sql<{ held: boolean }>`
          select pg_try_advisory_xact_lock(${sql.lit(bytesLock)}) as held`.execute(transaction);
        if (!lock.rows[0]?.held) return 0;
        const { rows } = await selectLargest.execute(transaction);
        const [largest] = rows;
        const surplus = Number(largest?.total ?? 0) - keepBytes;
        if (largest === undefined || surplus <= 0) return 0;
        const oldest = sql`
          select number from (
            select number, sum(bytes) over (order by number) - bytes as before from (
              select number, bytes from webhook_delivery
              where webhook_id = ${largest.webhook_id}::bigint and state = 0
              order by number limit ${sql.lit(sliceRows)}) as oldest) as summed
          where before < ${surplus}`;
        return drop(transaction, largest.webhook_id, oldest);
      }),
  };
}

const selectLargest = sql<{ webhook_id: string; total: string }>`
  select webhook_id, sum(greatest(bytes, 0)) over () as total
  from (
    select webhook_id, appended_bytes - finished_bytes as bytes
    from webhook_queue join webhook_progress using (webhook_id)) as queue
  order by bytes desc limit 1`;

/** Drops deliveries of a webhook with their attempts. `chosen` may read `progress`, the locked progress of the webhook. */
async function drop(db: Kysely<Schema>, webhookId: string, chosen: RawBuilder<unknown>): Promise<number> {
  // The lock on the progress makes two nodes that drop at once see what the other one has dropped.
  const { rows } = await sql<{ event_id: string }>`
    with progress as (
      select webhook_id, finished from webhook_progress where webhook_id = ${webhookId}::bigint for update
    ),
    chosen as (${chosen}),
    dropped as (
      delete from webhook_delivery
      where webhook_id = ${webhookId}::bigint and number = any(array(select number from chosen)) and state = 0
      returning number, event_id, bytes
    ),
    attempts as (
      delete from webhook_attempt
      where webhook_id = ${webhookId}::bigint and number = any(array(select number from dropped))
    ),
    counted as (
      update webhook_progress set finished = finished + sums.count, finished_bytes = finished_bytes + sums.bytes
      from (select count(*) as count, coalesce(sum(bytes), 0) as bytes from dropped) as sums
      where webhook_id = ${webhookId}::bigint and sums.count > 0
    )
    select event_id from dropped`.execute(db);
  const ids = rows.map(({ event_id }) => event_id);
  await closeEvents(db, ids);
  return ids.length;
}
