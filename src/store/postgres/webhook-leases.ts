/**
 * Leases webhooks to nodes. A node proves with one row that it lives, however many webhooks it works. A webhook belongs
 * to the node in its row for as long as that node lives.
 */

import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Sealer } from "../encryption/sealing.js";
import type { LeasedWebhook, WebhookQueue } from "../webhook-queue.js";
import type { Schema } from "./schema.js";
import { sealedOwner } from "./webhooks.js";

/** How long a node counts as living after its last proof, in seconds. */
const leaseSeconds = 10;
const claimsMax = 2_000;

/** SQL for whether the node with this id lives. */
export function livingNode(id: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from webhook_node as node
    where node.id = ${id} and node.seen_at > clock_timestamp() - ${sql.lit(leaseSeconds)} * interval '1 second')`;
}

type Leases = Pick<WebhookQueue, "beat" | "claim" | "read" | "release" | "leave">;

export function createLeases({ db, sealer }: { db: Kysely<Schema>; sealer: Sealer }): Leases {
  return {
    async beat(node, first) {
      if (first) {
        await sql`
          insert into webhook_node (id, seen_at) values (${node}::uuid, clock_timestamp())
          on conflict (id) do update set seen_at = clock_timestamp()`.execute(db);
        await sql`delete from webhook_node where seen_at < clock_timestamp() - interval '1 hour'`.execute(db);
        return true;
      }
      const { numAffectedRows } = await sql`
        update webhook_node set seen_at = clock_timestamp()
        where id = ${node}::uuid and ${livingNode(sql`webhook_node.id`)}`.execute(db);
      return numAffectedRows === 1n;
    },

    async claim(node) {
      const { rows } = await sql<{ webhook_id: string }>`
        with free as (
          select queue.webhook_id from webhook_queue as queue join webhook on webhook.id = queue.webhook_id
          where webhook.enabled and (queue.owner is null or not ${livingNode(sql`queue.owner`)})
            and exists (
              select from webhook_delivery as delivery where delivery.webhook_id = queue.webhook_id and delivery.state = 0)
          order by queue.webhook_id limit ${sql.lit(claimsMax)}
          for update of queue skip locked
        )
        update webhook_queue as queue set owner = ${node}::uuid from free where queue.webhook_id = free.webhook_id
        returning queue.webhook_id`.execute(db);
      return rows.map(({ webhook_id }) => webhook_id);
    },

    async read(node, ids) {
      if (ids.length === 0) return [];
      const { rows } = await selectLeased(node, [...ids]).execute(db);
      return rows.map((row) => toLeased(row, node, sealer));
    },

    async release(node, webhooks) {
      if (webhooks.length === 0) return [];
      const ids = webhooks.map(({ id }) => id);
      const tails = webhooks.map(({ tail }) => tail);
      const { rows } = await sql<{ webhook_id: string }>`
        with given as (select * from unnest(${ids}::bigint[], ${tails}::bigint[]) as given (webhook_id, tail)),
        locked as (
          select webhook_id from webhook_queue where webhook_id = any(${ids}::bigint[]) order by webhook_id for update)
        update webhook_queue as queue set owner = null from given, locked
        where queue.webhook_id = given.webhook_id and queue.webhook_id = locked.webhook_id
          and queue.owner = ${node}::uuid and queue.appended <= given.tail
        returning queue.webhook_id`.execute(db);
      return rows.map(({ webhook_id }) => webhook_id);
    },

    async leave(node) {
      await sql`delete from webhook_node where id = ${node}::uuid`.execute(db);
    },
  };
}

interface LeasedRow {
  id: string;
  version: number;
  instance_id: string;
  label: string;
  url: string;
  authorization_sealed: Buffer | null;
  by_events: boolean;
  media_base64: boolean;
  secret_sealed: Buffer | null;
  previous: Buffer | null;
  ordered: boolean;
  timeout_seconds: number;
  failing_since: Date | null;
  paused_until: Date | null;
  pauses: number;
}

function selectLeased(node: string, ids: string[]) {
  return sql<LeasedRow>`
    select webhook.id, version, instance_id, label, url, authorization_sealed, by_events, media_base64, secret_sealed,
      case when previous_secret_until > now() then previous_secret_sealed end as previous, ordered, timeout_seconds,
      failing_since, paused_until, pauses
    from webhook
    join webhook_progress as progress on progress.webhook_id = webhook.id
    join webhook_queue as queue on queue.webhook_id = webhook.id
    where webhook.id = any(${ids}::bigint[]) and queue.webhook_id = any(${ids}::bigint[]) and webhook.enabled
      and queue.owner = ${node}::uuid`;
}

function toLeased(row: LeasedRow, node: string, sealer: Sealer): LeasedWebhook {
  const open = (sealed: Buffer, what: "authorization" | "secret") =>
    sealer.open(sealed, sealedOwner(row.instance_id, row.label, what));
  return {
    id: row.id,
    node,
    version: row.version,
    instanceId: row.instance_id,
    label: row.label,
    url: row.url,
    authorization: row.authorization_sealed === null ? undefined : open(row.authorization_sealed, "authorization"),
    byEvents: row.by_events,
    mediaBase64: row.media_base64,
    secrets: [row.secret_sealed, row.previous].flatMap((sealed) => (sealed === null ? [] : [open(sealed, "secret")])),
    ordered: row.ordered,
    timeoutSeconds: row.timeout_seconds,
    failingSince: row.failing_since?.getTime(),
    pausedUntil: row.paused_until?.getTime() ?? 0,
    pauses: row.pauses,
  };
}
