/** Stores accepted events with their deliveries: one statement, and so one commit, for many events. */

import { type Kysely, sql } from "kysely";
import type { Append, Appended } from "../webhook-queue.js";
import { unquoted } from "./array-parameter.js";
import type { Schema } from "./schema.js";
import { livingNode } from "./webhook-leases.js";

interface Row {
  webhook_id: string;
  before: string;
  mine: boolean;
  waiting: string;
}

/**
 * Does what `WebhookQueue.append` says. Without a node, a webhook that no living node works stays free. A node that does
 * not count as living gets no lease, because another node could take the same webhook over at once.
 */
export async function appendEvents(
  db: Kysely<Schema>,
  appends: readonly Append[],
  node: string | null,
): Promise<Appended[]> {
  const columns = new Columns(appends);
  const { counts, sizes, events, deliveries } = columns;
  const ids = unquoted(columns.ids);
  // The rows of all queues are locked in the order of their ids, so two nodes never wait for each other. The payloads
  // stand in one value, which pg sends as bytes; an array of bytes would be sent as hexadecimal text.
  const { rows } = await sql<Row>`
    with wanted as (
      select * from unnest(${ids}::bigint[], ${unquoted(counts)}::int[], ${unquoted(sizes)}::bigint[])
        as wanted (webhook_id, count, bytes)
    ),
    locked as (
      select webhook_id from webhook_queue where webhook_id = any(${ids}::bigint[]) order by webhook_id for update
    ),
    tail as (
      update webhook_queue as queue set
        appended = queue.appended + wanted.count,
        appended_bytes = queue.appended_bytes + wanted.bytes,
        owner = case
          when ${livingNode(sql`queue.owner`)} then queue.owner
          when ${livingNode(sql`${node}::uuid`)} then ${node}::uuid end
      from wanted, locked
      where queue.webhook_id = wanted.webhook_id and queue.webhook_id = locked.webhook_id
      returning queue.webhook_id, queue.appended, queue.appended - wanted.count as before, queue.owner
    ),
    delivery as (
      select * from unnest(
          ${unquoted(deliveries.webhooks)}::bigint[], ${unquoted(deliveries.events)}::int[],
          ${unquoted(deliveries.ordinals)}::int[])
        as delivery (webhook_id, event, ordinal)
    ),
    event as (
      select * from unnest(
          ${unquoted(events.index)}::int[], ${unquoted(events.id)}::uuid[], ${unquoted(events.instance)}::uuid[],
          ${events.type}::text[], ${unquoted(events.time)}::bigint[], ${unquoted(events.dataFrom)}::int[],
          ${unquoted(events.dataBytes)}::int[], ${unquoted(events.mediaBytes)}::int[],
          ${unquoted(events.mediaAt)}::int[], ${events.slot}::text[], ${unquoted(events.deliveries)}::int[]
        ) as event (index, id, instance_id, type, accepted, data_from, data_bytes, media_bytes, media_at, slot, deliveries)
    ),
    stored as (
      insert into webhook_event
        (id, instance_id, type, accepted_at, data, media, media_at, slot, deliveries, open)
      select event.id, instance_id, type, to_timestamp(accepted / 1000.0),
        substring(${columns.payload}::bytea from data_from + 1 for data_bytes),
        case when media_bytes >= 0
          then substring(${columns.payload}::bytea from data_from + data_bytes + 1 for media_bytes) end,
        media_at, slot, deliveries, deliveries
      from event
      where index in (select event from delivery join tail using (webhook_id))
    ),
    queued as (
      insert into webhook_delivery (webhook_id, number, event_id, type, bytes, accepted_at)
      select tail.webhook_id, tail.before + ordinal, event.id, event.type, data_bytes + greatest(media_bytes, 0),
        to_timestamp(accepted / 1000.0)
      from delivery join tail using (webhook_id) join event on event.index = delivery.event
    )
    select tail.webhook_id, tail.before, coalesce(tail.owner = ${node}::uuid, false) as mine, tail.appended - progress.finished as waiting
    from tail join webhook_progress as progress using (webhook_id)`.execute(db);
  return rows.map((row) => ({
    webhookId: row.webhook_id,
    before: Number(row.before),
    mine: row.mine,
    waiting: Number(row.waiting),
  }));
}

/** The values of an append, column by column. */
class Columns {
  readonly ids: string[];
  readonly counts: number[];
  readonly sizes: number[];
  readonly payload: Buffer;
  readonly deliveries = { webhooks: [] as string[], events: [] as number[], ordinals: [] as number[] };
  readonly events = {
    index: [] as number[],
    id: [] as string[],
    instance: [] as string[],
    type: [] as string[],
    time: [] as number[],
    dataFrom: [] as number[],
    dataBytes: [] as number[],
    mediaBytes: [] as number[],
    mediaAt: [] as (number | null)[],
    slot: [] as (string | null)[],
    deliveries: [] as number[],
  };

  constructor(appends: readonly Append[]) {
    const webhooks = new Map<string, { count: number; bytes: number }>();
    const parts: Uint8Array[] = [];
    let at = 0;
    for (const [index, { event, webhookIds }] of appends.entries()) {
      const { data, media } = event;
      const bytes = data.length + (media?.length ?? 0);
      this.#addEvent(index, at, appends[index] as Append);
      for (const id of webhookIds) {
        const webhook = webhooks.get(id) ?? { count: 0, bytes: 0 };
        webhooks.set(id, webhook);
        webhook.count++;
        webhook.bytes += bytes;
        this.deliveries.webhooks.push(id);
        this.deliveries.events.push(index);
        this.deliveries.ordinals.push(webhook.count);
      }
      parts.push(data);
      if (media !== undefined) parts.push(media);
      at += bytes;
    }
    this.payload = Buffer.concat(parts, at);
    this.ids = [...webhooks.keys()];
    this.counts = [...webhooks.values()].map(({ count }) => count);
    this.sizes = [...webhooks.values()].map(({ bytes }) => bytes);
  }

  #addEvent(index: number, at: number, { event, webhookIds }: Append): void {
    const { events } = this;
    events.index.push(index);
    events.id.push(event.id);
    events.instance.push(event.instanceId);
    events.type.push(event.type);
    events.time.push(event.time);
    events.dataFrom.push(at);
    events.dataBytes.push(event.data.length);
    events.mediaBytes.push(event.media?.length ?? -1);
    events.mediaAt.push(event.mediaAt ?? null);
    events.slot.push(event.slot ?? null);
    events.deliveries.push(webhookIds.length);
  }
}
