/** Changes the deliveries of one webhook for an owner or operator: tries them at once, skips the first, replays dead ones. */

import { type Kysely, sql, type Transaction } from "kysely";
import type { Schema } from "./schema.js";

/** Most deliveries that are tried at once after their webhook was set anew. */
const hastenedMax = 1_000;
/** Most deliveries that one statement replays. */
const replayedMax = 1_000;

/** Ends a pause, and makes deliveries due that wait for their next attempt. */
export async function hastenDeliveries(db: Kysely<Schema> | Transaction<Schema>, id: string): Promise<void> {
  await sql`
    update webhook_progress set paused_until = null, pauses = 0 where webhook_id = ${id}::bigint`.execute(db);
  await sql`
    update webhook_delivery as delivery set due_at = clock_timestamp()
    from (
      select webhook_id, number from webhook_delivery
      where webhook_id = ${id}::bigint and state = 0 and due_at > clock_timestamp()
      order by due_at limit ${sql.lit(hastenedMax)} for update skip locked) as due
    where delivery.webhook_id = due.webhook_id and delivery.number = due.number`.execute(db);
}

/** Kills the first delivery in the queue. Its event stays, so it can be replayed. Resolves to its number. */
export async function skipFirst(db: Kysely<Schema>, id: string): Promise<number | null> {
  const { rows } = await sql<{ number: string }>`
    with first as (
      select webhook_id, number from webhook_delivery where webhook_id = ${id}::bigint and state = 0
      order by number limit 1 for update
    ),
    skipped as (
      update webhook_delivery as delivery set
        state = 2, error = 'The delivery was skipped.', ended_at = clock_timestamp(), due_at = null
      from first where delivery.webhook_id = first.webhook_id and delivery.number = first.number
      returning delivery.webhook_id, delivery.number, delivery.bytes
    ),
    progress as (
      update webhook_progress as progress set
        finished = finished + 1, finished_bytes = finished_bytes + skipped.bytes, dead = dead + 1
      from skipped where progress.webhook_id = skipped.webhook_id
    )
    select number from skipped`.execute(db);
  return rows[0] === undefined ? null : Number(rows[0].number);
}

/** Puts dead deliveries at the end of the queue, the oldest first. Resolves to how many. */
export async function replayDead(
  db: Kysely<Schema>,
  id: string,
  which: { readonly number: number } | { readonly since: Date },
): Promise<number> {
  const wanted = "number" in which ? sql`number = ${which.number}` : sql`ended_at >= ${which.since}`;
  let replayed = 0;
  for (let slice = replayedMax; slice === replayedMax; replayed += slice) {
    const { rows } = await sql<{ count: string }>`
      with tail as (select webhook_id from webhook_queue where webhook_id = ${id}::bigint for update),
      chosen as (
        select delivery.webhook_id, number, bytes from webhook_delivery as delivery join tail using (webhook_id)
        where state = 2 and ${wanted} order by number limit ${sql.lit(replayedMax)} for update of delivery
      ),
      numbered as (select *, row_number() over (order by number) as turn from chosen),
      sums as (select count(*) as count, coalesce(sum(bytes), 0) as bytes from chosen),
      moved_tail as (
        update webhook_queue as queue set
          appended = appended + sums.count, appended_bytes = appended_bytes + sums.bytes
        from sums where queue.webhook_id = ${id}::bigint
        returning queue.appended - sums.count as before
      ),
      moved as (
        update webhook_delivery as delivery set
          number = moved_tail.before + numbered.turn, state = 0, attempts = 0, first_at = null, due_at = null,
          tried_at = null, ended_at = null, status = null, ms = null, error = null, response = null
        from numbered, moved_tail
        where delivery.webhook_id = numbered.webhook_id and delivery.number = numbered.number
        returning delivery.number
      ),
      forgotten as (
        delete from webhook_attempt as attempt using chosen
        where attempt.webhook_id = chosen.webhook_id and attempt.number = chosen.number
      ),
      progress as (
        update webhook_progress set dead = dead - sums.count from sums where webhook_id = ${id}::bigint
      )
      select count(*) from moved`.execute(db);
    slice = Number(rows[0]?.count ?? 0);
  }
  return replayed;
}
