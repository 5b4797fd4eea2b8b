/** Reads waiting deliveries, and stores what became of them, many in one statement. */

import { type Kysely, sql } from "kysely";
import type { EventType } from "../../domain/event-type.js";
import type { AttemptRecord, FetchFrom, WaitingDelivery, WebhookQueue } from "../webhook-queue.js";
import { unquoted } from "./array-parameter.js";
import type { Schema } from "./schema.js";

/** Deliveries of one webhook are read until their events hold this many bytes. */
const fetchBytesMax = 256 * 1024;

/** The numbers that stand for the states of deliveries in the database. */
export const deliveryStates = { waiting: 0, delivered: 1, dead: 2 } as const;

type Deliveries = Pick<WebhookQueue, "fetch" | "record">;

export function createDeliveryQueries({ db }: { db: Kysely<Schema> }): Deliveries {
  return {
    async fetch(from, limit) {
      const inOrder = from.filter(({ dueExcept }) => dueExcept === undefined);
      const due = from.filter(({ dueExcept }) => dueExcept !== undefined);
      const rows = [
        ...(inOrder.length > 0 ? (await fetchInOrder(inOrder, limit).execute(db)).rows : []),
        ...(due.length > 0 ? (await fetchDue(due, limit).execute(db)).rows : []),
      ];
      return rows.map(toWaiting);
    },

    async record(attempts) {
      if (attempts.length === 0) return;
      const record = async (on: Kysely<Schema>) => {
        const { rows } = await recordAttempts(attempts).execute(on);
        await closeEvents(
          on,
          rows.map(({ event_id }) => event_id),
        );
      };
      // One statement is one transaction. An event of several webhooks needs more statements.
      const isShared = attempts.some(({ state, shared }) => state === "delivered" && shared);
      await (isShared ? db.transaction().execute(record) : record(db));
    },
  };
}

interface DeliveryRow {
  webhook_id: string;
  number: string;
  event_id: string;
  type: string;
  bytes: number;
  attempts: number;
  first_at: Date | null;
  due_at: Date | null;
  deliveries: number;
  data: Buffer;
  media: Buffer | null;
  media_at: number | null;
  slot: string | null;
}

const columns = sql`
  head.webhook_id, head.number, head.event_id, head.type, head.bytes, head.attempts, head.first_at, head.due_at,
  event.deliveries, event.data, event.media, event.media_at, event.slot`;

function fetchInOrder(from: readonly FetchFrom[], limit: number) {
  const ids = unquoted(from.map(({ webhookId }) => webhookId));
  const after = unquoted(from.map((one) => one.after));
  return sql<DeliveryRow>`
    select ${columns} from unnest(${ids}::bigint[], ${after}::bigint[]) as asked (webhook_id, after)
    cross join lateral (
      select delivery.*, sum(bytes) over (order by number) - bytes as before from (
        select * from webhook_delivery
        where webhook_id = asked.webhook_id and state = 0 and number > asked.after
        order by number limit ${limit}) as delivery) as head
    join webhook_event as event on event.id = head.event_id
    where head.before < ${fetchBytesMax}
    order by head.webhook_id, head.number`;
}

function fetchDue(from: readonly FetchFrom[], limit: number) {
  const ids = from.map(({ webhookId }) => webhookId);
  // The numbers that a node has in memory are few, and stand in one text for each webhook.
  const held = from.map(({ dueExcept = [] }) => `{${dueExcept.join(",")}}`);
  return sql<DeliveryRow>`
    select ${columns} from unnest(${ids}::bigint[], ${held}::text[]) as asked (webhook_id, held)
    cross join lateral (
      select delivery.*, sum(bytes) over (order by due_at, number) - bytes as before from (
        (select * from webhook_delivery
          where webhook_id = asked.webhook_id and state = 0 and due_at <= now()
            and number <> all (asked.held::bigint[])
          order by due_at limit ${limit})
        union all
        (select * from webhook_delivery
          where webhook_id = asked.webhook_id and state = 0 and due_at > now()
            and number <> all (asked.held::bigint[])
          order by due_at limit 1)) as delivery) as head
    join webhook_event as event on event.id = head.event_id
    where head.before < ${fetchBytesMax}
    order by head.webhook_id, head.number`;
}

function toWaiting(row: DeliveryRow): WaitingDelivery {
  return {
    webhookId: row.webhook_id,
    number: Number(row.number),
    event: {
      id: row.event_id,
      type: row.type as EventType,
      data: row.data,
      media: row.media ?? undefined,
      mediaAt: row.media_at ?? undefined,
      slot: row.slot ?? undefined,
    },
    attempts: row.attempts,
    firstAt: row.first_at?.getTime(),
    dueAt: row.due_at?.getTime() ?? 0,
    bytes: row.bytes,
    shared: row.deliveries > 1,
  };
}

/** A text as PostgreSQL can store it: it takes neither U+0000 nor half of a surrogate pair. */
function storable(text: string | undefined): string | null {
  return text?.replace(/[\0\p{Surrogate}]/gu, "\ufffd") ?? null;
}

/**
 * Stores attempts. Returns the events of delivered ones that have deliveries to other webhooks, which are not deleted
 * here.
 */
function recordAttempts(attempts: readonly AttemptRecord[]) {
  const column = (read: (attempt: AttemptRecord) => number | string | null) => unquoted(attempts.map(read));
  const texts = (read: (attempt: AttemptRecord) => string | undefined) => attempts.map((one) => storable(read(one)));
  const ids = unquoted([...new Set(attempts.map(({ webhookId }) => webhookId))]);
  const time = (name: string) => sql`case when ${sql.ref(name)} > 0 then to_timestamp(${sql.ref(name)} / 1000.0) end`;
  return sql<{ event_id: string }>`
    with attempt as (
      select * from unnest(
        ${column((one) => one.webhookId)}::bigint[], ${column((one) => one.number)}::bigint[],
        ${column((one) => one.node)}::uuid[], ${column((one) => deliveryStates[one.state])}::smallint[],
        ${column((one) => one.attempts)}::int[],
        ${column((one) => one.at)}::bigint[], ${column((one) => one.firstAt)}::bigint[],
        ${column((one) => Math.ceil(one.dueAt))}::bigint[], ${column((one) => one.status ?? null)}::int[],
        ${column((one) => Math.round(one.ms))}::int[], ${texts((one) => one.error)}::text[],
        ${texts((one) => one.responseHead)}::text[], ${column((one) => Math.ceil(one.pausedUntil))}::bigint[],
        ${column((one) => one.pauses)}::int[]
      ) with ordinality as attempt (
        webhook_id, number, node, state, attempts, at, first_at, due_at, status, ms, error, response, paused_until, pauses, turn)
    ),
    queue as (
      select webhook_id, owner from webhook_queue where webhook_id = any(${ids}::bigint[])
    ),
    last as (
      select distinct on (webhook_id, number) attempt.*, coalesce(queue.owner <> attempt.node, false) as is_lost
      from attempt left join queue using (webhook_id) order by webhook_id, number, turn desc
    ),
    changed as (
      update webhook_delivery as delivery set
        state = last.state, attempts = last.attempts, tried_at = ${time("last.at")}, first_at = ${time("last.first_at")},
        due_at = ${time("last.due_at")}, ended_at = case when last.state <> 0 then clock_timestamp() end,
        status = last.status, ms = last.ms, error = last.error, response = last.response
      from last
      where delivery.webhook_id = last.webhook_id and delivery.number = last.number and delivery.state = 0
        and (last.state = 1 or not last.is_lost)
      returning delivery.webhook_id, delivery.number, delivery.event_id, delivery.bytes, delivery.state
    ),
    counts as (
      select webhook_id, count(*) filter (where state <> 0) as finished,
        sum(bytes) filter (where state <> 0) as bytes, count(*) filter (where state = 2) as dead
      from changed group by webhook_id
    ),
    progress as (
      update webhook_progress as progress set
        finished = progress.finished + coalesce(counts.finished, 0),
        finished_bytes = progress.finished_bytes + coalesce(counts.bytes, 0),
        dead = progress.dead + coalesce(counts.dead, 0),
        failing_since = case when sums.is_lost then progress.failing_since when sums.delivered > 0 then null
          else coalesce(progress.failing_since, to_timestamp(sums.at / 1000.0)) end,
        paused_until = case when sums.is_lost then progress.paused_until
          when sums.paused_until > 0 then to_timestamp(sums.paused_until / 1000.0) end,
        pauses = case when sums.is_lost then progress.pauses else sums.pauses end
      from (
        select attempt.webhook_id, bool_or(queue.owner <> attempt.node) is true as is_lost,
          count(*) filter (where attempt.state = 1) as delivered, min(at) as at,
          (array_agg(paused_until order by turn desc))[1] as paused_until, (array_agg(pauses order by turn desc))[1] as pauses
        from attempt left join queue using (webhook_id) group by attempt.webhook_id) as sums
      left join counts using (webhook_id)
      where progress.webhook_id = sums.webhook_id and progress.webhook_id = any(${ids}::bigint[])
    ),
    logged as (
      insert into webhook_attempt (webhook_id, number, attempt, tried_at, status, ms, error, response)
      select webhook_id, number,
        coalesce((
          select max(attempt) from webhook_attempt as earlier
          where earlier.webhook_id = attempt.webhook_id and earlier.number = attempt.number), 0)
          + row_number() over (partition by webhook_id, number order by turn),
        to_timestamp(at / 1000.0), status, ms, error, response
      from attempt where state <> 1
      on conflict do nothing
    ),
    gone as (
      delete from webhook_event as event using changed
      where event.id = changed.event_id and changed.state = 1 and event.deliveries = 1
      returning event.id
    )
    select event_id from changed where state = 1 and event_id not in (select id from gone)`;
}

/**
 * Counts one finished delivery less for each of the events, and deletes the events that have none left. Call it in the
 * transaction that finishes the deliveries. Two statements, because of two nodes that finish an event at once, each must
 * see the count of the other.
 */
export async function closeEvents(db: Kysely<Schema>, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`
    with given as (select id, count(*) as count from unnest(${[...ids]}::uuid[]) as given (id) group by id),
    locked as (
      select event.id from webhook_event as event join given using (id) order by event.id for update of event)
    update webhook_event as event set open = open - given.count
    from given, locked where event.id = given.id and event.id = locked.id`.execute(db);
  await sql`delete from webhook_event where id = any(${[...ids]}::uuid[]) and open <= 0`.execute(db);
}
