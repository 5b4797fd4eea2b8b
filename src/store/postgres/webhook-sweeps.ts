/**
 * Cleans the queue of webhooks in slices, counts what waits, and disables webhooks. Every node may sweep at any time:
 * rows that another node has locked are left to that node.
 */

import { type Kysely, type RawBuilder, sql } from "kysely";
import type { QueueTotals, WebhookQueue } from "../webhook-queue.js";
import type { Write } from "./notify-transaction.js";
import type { Schema } from "./schema.js";
import { closeEvents, deliveryStates } from "./webhook-deliveries.js";

/** Most deliveries in one slice of the cleaning. */
const sliceRows = 1_000;
/** How many delivered deliveries of a webhook stay listed. */
const deliveredMax = 1_000;

type Sweeps = Pick<WebhookQueue, "totals" | "waiting" | "sweep" | "disable">;

export function createSweeps({ db, write }: { db: Kysely<Schema>; write: Write }): Sweeps {
  /** Deletes deliveries with their attempts, and lets go of their events. `state` is that of all of them. */
  function remove(chosen: RawBuilder<unknown>, state: "waiting" | "dead" | "delivered"): Promise<number> {
    return db.transaction().execute((transaction) => removeWithin(transaction, chosen, state));
  }

  async function removeWithin(
    transaction: Kysely<Schema>,
    chosen: RawBuilder<unknown>,
    state: "waiting" | "dead" | "delivered",
  ): Promise<number> {
    const { rows } = await sql<{ event_id: string }>`
      with chosen as (${chosen}),
      gone as (
        delete from webhook_delivery as delivery using chosen
        where delivery.webhook_id = chosen.webhook_id and delivery.number = chosen.number
        returning delivery.webhook_id, delivery.number, delivery.event_id
      ),
      attempts as (
        delete from webhook_attempt as attempt using gone
        where attempt.webhook_id = gone.webhook_id and attempt.number = gone.number
      ),
      progress as (
        update webhook_progress as progress set dead = progress.dead - sums.count
        from (select webhook_id, count(*) as count from gone group by webhook_id) as sums
        where progress.webhook_id = sums.webhook_id and ${sql.lit(state === "dead")}
      )
      select event_id from gone`.execute(transaction);
    const ids = rows.map(({ event_id }) => event_id);
    if (state !== "delivered") await closeEvents(transaction, ids);
    return rows.length;
  }

  async function kill(chosen: RawBuilder<unknown>, error: string): Promise<number> {
    const { rows } = await sql<{ webhook_id: string }>`
      with chosen as (${chosen}),
      killed as (
        update webhook_delivery as delivery set
          state = ${sql.lit(deliveryStates.dead)}, error = ${error}, ended_at = clock_timestamp(), due_at = null
        from chosen
        where delivery.webhook_id = chosen.webhook_id and delivery.number = chosen.number and delivery.state = 0
        returning delivery.webhook_id, delivery.bytes
      ),
      progress as (
        update webhook_progress as progress set
          finished = progress.finished + sums.count, finished_bytes = progress.finished_bytes + sums.bytes,
          dead = progress.dead + sums.count
        from (select webhook_id, count(*) as count, sum(bytes) as bytes from killed group by webhook_id) as sums
        where progress.webhook_id = sums.webhook_id
      )
      select webhook_id from killed`.execute(db);
    return rows.length;
  }

  return {
    async totals() {
      const { rows } = await selectTotals.execute(db);
      const row = rows[0] as TotalsRow;
      return {
        waiting: Number(row.waiting),
        waitingBytes: Number(row.bytes),
        dead: Number(row.dead),
        disabled: Number(row.disabled),
        oldest: row.oldest?.getTime(),
      } satisfies QueueTotals;
    },

    async waiting(ids) {
      if (ids.length === 0) return new Map();
      const { rows } = await sql<{ webhook_id: string; waiting: string }>`
        select webhook_id, appended - finished as waiting
        from webhook_queue join webhook_progress using (webhook_id)
        where webhook_id = any(${[...ids]}::bigint[])`.execute(db);
      return new Map(rows.map((row) => [row.webhook_id, Number(row.waiting)]));
    },

    async sweep({ retentionMs, queueMax }) {
      const expired = await remove(selectExpired(retentionMs), "dead");
      const surplus = await remove(selectSurplus(queueMax), "dead");
      const listed = await remove(selectListed, "delivered");
      const killed = await kill(selectDisabled, "The webhook was disabled.");
      const orphaned = await remove(selectOrphans, "waiting");
      await sql`
        delete from webhook_event where id in (
          select id from webhook_event where open <= 0 limit ${sql.lit(sliceRows)} for update skip locked)`.execute(db);
      if (orphaned === 0) await forgetQueues.execute(db);
      return [expired, surplus, listed, killed, orphaned].some((count) => count >= sliceRows);
    },

    disable: (webhookId, version, reason) =>
      write(async (transaction, touch) => {
        const { rows } = await sql<{ instance_id: string }>`
          update webhook set enabled = false, disabled_reason = ${reason}, version = version + 1, updated_at = now()
          where id = ${webhookId}::bigint and enabled and version = ${version}
          returning instance_id`.execute(transaction);
        const instance = rows[0];
        if (instance !== undefined) touch({ kind: "instance", id: instance.instance_id });
        return instance !== undefined;
      }),
  };
}

interface TotalsRow {
  waiting: string;
  bytes: string;
  dead: string;
  disabled: string;
  oldest: Date | null;
}

const selectTotals = sql<TotalsRow>`
  select coalesce(sum(greatest(appended - finished, 0)), 0) as waiting,
    coalesce(sum(greatest(appended_bytes - finished_bytes, 0)), 0) as bytes, coalesce(sum(dead), 0) as dead,
    (select count(*) from webhook where disabled_reason is not null) as disabled,
    min((select accepted_at from webhook_delivery as delivery
      where delivery.webhook_id = queue.webhook_id and state = 0 order by number limit 1))
      filter (where appended > finished) as oldest
  from webhook_queue as queue join webhook_progress as progress using (webhook_id)`;

/** Of every webhook with dead deliveries, the oldest of them that died too long ago. */
function selectExpired(retentionMs: number): RawBuilder<unknown> {
  return sql`
    select dead.webhook_id, dead.number from webhook_progress as progress
    cross join lateral (
      select webhook_id, number, ended_at from webhook_delivery as delivery
      where delivery.webhook_id = progress.webhook_id and state = 2 order by number limit ${sql.lit(sliceRows)}) as dead
    where progress.dead > 0 and dead.ended_at < clock_timestamp() - ${retentionMs} * interval '1 millisecond'
    limit ${sql.lit(sliceRows)}`;
}

/** The oldest dead deliveries of webhooks for which more deliveries are stored than the queue may hold. */
function selectSurplus(queueMax: number): RawBuilder<unknown> {
  return sql`
    select dead.webhook_id, dead.number
    from webhook_queue as queue join webhook_progress as progress using (webhook_id)
    cross join lateral (
      select webhook_id, number from webhook_delivery as delivery
      where delivery.webhook_id = queue.webhook_id and state = 2 order by number
      limit least(${sql.lit(sliceRows)}, greatest(0, progress.dead + appended - finished - ${queueMax}))) as dead
    where progress.dead > 0 and progress.dead + appended - finished > ${queueMax}
    limit ${sql.lit(sliceRows)}`;
}

/** Delivered deliveries that are so old that the list of their webhook no longer shows them. */
const selectListed = sql`
  select old.webhook_id, old.number from webhook_progress as progress
  cross join lateral (
    select webhook_id, number from webhook_delivery as delivery
    where delivery.webhook_id = progress.webhook_id and number <= progress.finished - ${sql.lit(deliveredMax)}
      and state = 1
    order by number limit ${sql.lit(sliceRows)}) as old
  where progress.finished > ${sql.lit(deliveredMax)}
  limit ${sql.lit(10 * sliceRows)}`;

const selectDisabled = sql`
  select delivery.webhook_id, delivery.number from webhook
  join webhook_delivery as delivery on delivery.webhook_id = webhook.id and delivery.state = 0
  where not webhook.enabled limit ${sql.lit(sliceRows)}`;

/** Deliveries of webhooks that were deleted with their instance. */
const selectOrphans = sql`
  select delivery.webhook_id, delivery.number from webhook_queue as queue
  join webhook_delivery as delivery on delivery.webhook_id = queue.webhook_id
  where not exists (select from webhook where webhook.id = queue.webhook_id) limit ${sql.lit(sliceRows)}`;

const forgetQueues = sql`
  with gone as (
    delete from webhook_queue as queue
    where not exists (select from webhook where webhook.id = queue.webhook_id)
      and not exists (select from webhook_delivery as delivery where delivery.webhook_id = queue.webhook_id)
    returning webhook_id)
  delete from webhook_progress as progress using gone where progress.webhook_id = gone.webhook_id`;
