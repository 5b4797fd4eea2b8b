/** Shows deliveries, and lets owners and operators try, skip and replay them. */

import { type Kysely, sql } from "kysely";
import { AppError } from "../../domain/errors.js";
import { createIdMint, idText } from "../../domain/event-id.js";
import type { EventType } from "../../domain/event-type.js";
import { generateWebhookSecret } from "../../domain/webhook-secret.js";
import type { Sealer } from "../encryption/sealing.js";
import type { WebhookOperations } from "../webhook-operations.js";
import { requireKey } from "./key-check.js";
import { isStorable, isUuid, type Write } from "./notify-transaction.js";
import type { Schema } from "./schema.js";
import { appendEvents } from "./webhook-appends.js";
import { deliveryStates } from "./webhook-deliveries.js";
import {
  type AttemptRow,
  attemptColumns,
  type DeliveryRow,
  deliveryColumns,
  toAttempt,
  toDelivery,
} from "./webhook-delivery-rows.js";
import { selectLongestQueues } from "./webhook-longest-queues.js";
import { hastenDeliveries, replayDead, skipFirst } from "./webhook-mending.js";
import { tellOfWebhooks } from "./webhook-news.js";
import { openWebhook, sealedOwner, shownWebhook } from "./webhooks.js";

export interface WebhookOperationsOptions {
  readonly db: Kysely<Schema>;
  readonly write: Write;
  readonly sealer: Sealer;
}

export function createWebhookOperations({ db, write, sealer }: WebhookOperationsOptions): WebhookOperations {
  const mintId = createIdMint();

  async function find(instanceId: string, label: string) {
    if (!isUuid(instanceId) || !isStorable(label)) return undefined;
    const query = db.selectFrom("webhook").select(["id", "events", "enabled"]).where("instance_id", "=", instanceId);
    return query.where("label", "=", label).executeTakeFirst();
  }

  async function findEnabled(instanceId: string, label: string) {
    const webhook = await find(instanceId, label);
    if (webhook?.enabled === false) throw new AppError("WEBHOOK_DISABLED");
    return webhook;
  }

  return {
    longestQueues: (limit) => selectLongestQueues(db, limit),

    async listDeliveries(instanceId, label, { state, since, before, limit }) {
      const webhook = await find(instanceId, label);
      if (webhook === undefined) return undefined;
      const { rows } = await sql<DeliveryRow>`
        select ${deliveryColumns} from webhook_delivery
        where webhook_id = ${webhook.id}::bigint and number < ${before ?? Number.MAX_SAFE_INTEGER}
          ${state === undefined ? sql`` : sql`and state = ${sql.lit(deliveryStates[state])}`}
          ${since === undefined ? sql`` : sql`and accepted_at >= ${since}`}
        order by number desc limit ${limit}`.execute(db);
      return rows.map(toDelivery);
    },

    async getDelivery(instanceId, label, number) {
      const webhook = await find(instanceId, label);
      if (webhook === undefined) return undefined;
      const { rows } = await sql<DeliveryRow>`
        select ${deliveryColumns} from webhook_delivery
        where webhook_id = ${webhook.id}::bigint and number = ${number}`.execute(db);
      if (rows[0] === undefined) return null;
      const delivery = toDelivery(rows[0]);
      const earlier = await sql<AttemptRow>`
        select ${attemptColumns} from webhook_attempt
        where webhook_id = ${webhook.id}::bigint and number = ${number} order by attempt`.execute(db);
      const attempts = earlier.rows.map(toAttempt);
      // The log has the attempts that failed. The one that succeeded stands in the delivery alone.
      if (delivery.state === "delivered" && delivery.last !== undefined) attempts.push(delivery.last);
      return { delivery, attempts };
    },

    async hasten(instanceId, label) {
      const webhook = await findEnabled(instanceId, label);
      if (webhook === undefined) return undefined;
      await hastenDeliveries(db, webhook.id);
      await tellOfWebhooks(db, { changed: [webhook.id] });
      return true;
    },

    async replay(instanceId, label, which) {
      const webhook = await findEnabled(instanceId, label);
      if (webhook === undefined) return undefined;
      const replayed = await replayDead(db, webhook.id, which);
      if (replayed > 0) await tellOfWebhooks(db, { changed: [webhook.id] });
      return replayed;
    },

    async skipHead(instanceId, label) {
      const webhook = await find(instanceId, label);
      if (webhook === undefined) return undefined;
      const skipped = await skipFirst(db, webhook.id);
      await tellOfWebhooks(db, { changed: [webhook.id] });
      return skipped;
    },

    async sendTest(instanceId, label) {
      const webhook = await findEnabled(instanceId, label);
      if (webhook === undefined) return undefined;
      const time = Date.now();
      const id = idText(mintId(time));
      const type = (webhook.events[0] ?? "instance.state") as EventType;
      const data = Buffer.from('{"test":true}');
      const event = { id, instanceId, type, time, data, media: undefined, mediaAt: undefined, slot: undefined };
      await appendEvents(db, [{ event, webhookIds: [webhook.id] }], null);
      await hastenDeliveries(db, webhook.id);
      await tellOfWebhooks(db, { changed: [webhook.id] });
      return id;
    },

    rotateSecret: (instanceId, label, graceMs) =>
      write(async (transaction, touch) => {
        await requireKey(transaction, sealer);
        if (!isUuid(instanceId) || !isStorable(label)) return undefined;
        const sealed = sealer.seal(generateWebhookSecret(), sealedOwner(instanceId, label, "secret"));
        const row = await transaction
          .updateTable("webhook")
          .set({
            previous_secret_sealed: sql`secret_sealed`,
            previous_secret_until: sql`now() + ${graceMs} * interval '1 millisecond'`,
            secret_sealed: sealed,
            version: sql<number>`version + 1`,
          })
          .where("instance_id", "=", instanceId)
          .where("label", "=", label)
          .where("enabled", "=", true)
          .returning(shownWebhook)
          .executeTakeFirst();
        if (row === undefined) {
          await findEnabled(instanceId, label);
          return undefined;
        }
        touch({ kind: "instance", id: instanceId });
        return openWebhook(row, sealer);
      }),
  };
}
