/** Reads and writes the configurations of webhooks in PostgreSQL. */

import { type Kysely, type Selectable, sql, type Transaction } from "kysely";
import { AppError } from "../../domain/errors.js";
import { type AskedWebhook, enabledWebhooksMax, type Webhook } from "../../domain/webhook.js";
import { generateWebhookSecret } from "../../domain/webhook-secret.js";
import type { Sealer } from "../encryption/sealing.js";
import type { Store } from "../store.js";
import { requireKey } from "./key-check.js";
import { isStorable, isUuid, violated, type Write } from "./notify-transaction.js";
import type { Schema } from "./schema.js";
import { hastenDeliveries } from "./webhook-mending.js";

type Webhooks = Pick<Store, "getWebhook" | "listWebhooks" | "setWebhook">;

export interface WebhookQueriesOptions {
  readonly db: Kysely<Schema>;
  readonly write: Write;
  readonly sealer: Sealer;
}

export function createWebhookQueries({ db, write, sealer }: WebhookQueriesOptions): Webhooks {
  const select = (instanceId: string) =>
    db.selectFrom("webhook").select(shownWebhook).where("instance_id", "=", instanceId).orderBy(sql`label collate "C"`);

  return {
    async getWebhook(instanceId, label) {
      if (!isUuid(instanceId) || !isStorable(label)) return undefined;
      const row = await select(instanceId).where("label", "=", label).executeTakeFirst();
      return row && openWebhook(row, sealer);
    },

    async listWebhooks(instanceId) {
      if (!isUuid(instanceId)) return [];
      const rows = await select(instanceId).execute();
      return rows.map((row) => openWebhook(row, sealer));
    },

    async setWebhook(instanceId, asked) {
      if (!isUuid(instanceId)) throw new AppError("INSTANCE_NOT_FOUND");
      return write(async (transaction, touch) => {
        await requireKey(transaction, sealer);
        const saved = await saveWebhook(transaction, sealer, instanceId, asked);
        touch({ kind: "instance", id: instanceId });
        return saved;
      });
    },
  };
}

/**
 * Stores a webhook in place of any earlier one with its label, and returns what the database stored. Rejects with
 * AppError WEBHOOK_LIMIT_REACHED, or INSTANCE_NOT_FOUND.
 */
export async function saveWebhook(
  transaction: Transaction<Schema>,
  sealer: Sealer,
  instanceId: string,
  asked: AskedWebhook,
): Promise<Webhook> {
  // Two calls for one instance wait for each other here, so the count below is that of the commit.
  const found = await transaction
    .selectFrom("instance")
    .select("id")
    .where("id", "=", instanceId)
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (found === undefined) throw new AppError("INSTANCE_NOT_FOUND");
  const others = await transaction
    .selectFrom("webhook")
    .select(["label", "enabled", "secret_sealed"])
    .where("instance_id", "=", instanceId)
    .execute();
  const enabled = others.filter((other) => other.enabled && other.label !== asked.label).length;
  if (asked.enabled && enabled >= enabledWebhooksMax) throw new AppError("WEBHOOK_LIMIT_REACHED");
  const before = others.find(({ label }) => label === asked.label)?.secret_sealed;
  const seal = (text: string, what: Sealed) => sealer.seal(text, sealedOwner(instanceId, asked.label, what));
  const open = (sealed: Buffer) => sealer.open(sealed, sealedOwner(instanceId, asked.label, "secret"));
  const set = {
    enabled: asked.enabled,
    url: asked.url,
    authorization_sealed: asked.authorization === undefined ? null : seal(asked.authorization, "authorization"),
    by_events: asked.byEvents,
    events: [...asked.events],
    media_base64: asked.mediaBase64,
    ...(!keepsSecret(asked, before, open) && {
      secret_sealed: sealedSecret(asked, (text) => seal(text, "secret")),
      previous_secret_sealed: null,
      previous_secret_until: null,
    }),
    ordered: asked.ordered,
    timeout_seconds: asked.timeoutSeconds,
    disabled_reason: null,
    updated_at: new Date(),
  };
  try {
    const row = await transaction
      .insertInto("webhook")
      .values({ instance_id: instanceId, label: asked.label, ...set })
      .onConflict((conflict) =>
        conflict.constraint("webhook_label").doUpdateSet({ ...set, version: sql<number>`webhook.version + 1` }),
      )
      .returning(shownWebhook)
      .executeTakeFirstOrThrow();
    await beginQueue(transaction, row.id);
    return openWebhook(row, sealer);
  } catch (error) {
    if (violated(error) === "webhook_instance") throw new AppError("INSTANCE_NOT_FOUND", { cause: error });
    throw error;
  }
}

/**
 * Makes the rows of the queue of a webhook, unless they are there. A webhook whose owner has set it anew begins without
 * failures and pauses, and the deliveries that wait for their next attempt are due now.
 */
async function beginQueue(transaction: Transaction<Schema>, id: string): Promise<void> {
  await sql`insert into webhook_queue (webhook_id) values (${id}) on conflict do nothing`.execute(transaction);
  await sql`
    insert into webhook_progress (webhook_id) values (${id})
    on conflict (webhook_id) do update set failing_since = null`.execute(transaction);
  await hastenDeliveries(transaction, id);
}

/**
 * Whether the call asks for the stored secret: by `sign` alone, or by its text. The secret before, which may still be
 * valid, then stays too.
 */
function keepsSecret(
  { secret, sign }: AskedWebhook,
  stored: Buffer | null | undefined,
  open: (sealed: Buffer) => string,
): boolean {
  if (!stored) return false;
  return secret === undefined ? sign : secret === open(stored);
}

function sealedSecret({ secret, sign }: AskedWebhook, seal: (text: string) => Buffer): Buffer | null {
  return secret !== undefined || sign ? seal(secret ?? generateWebhookSecret()) : null;
}

type Sealed = "authorization" | "secret";

/** Binds a sealed value to its place, so that it cannot be decrypted in the row of another webhook. */
export function sealedOwner(instanceId: string, label: string, what: Sealed): string {
  return `${instanceId} ${what} ${label}`;
}

export const shownWebhook = [
  "id",
  "instance_id",
  "label",
  "enabled",
  "url",
  "authorization_sealed",
  "by_events",
  "events",
  "media_base64",
  "secret_sealed",
  "ordered",
  "timeout_seconds",
  "disabled_reason",
] as const;

export type WebhookRow = Pick<Selectable<Schema["webhook"]>, Exclude<(typeof shownWebhook)[number], "id">>;

export function openWebhook(row: WebhookRow, sealer: Sealer): Webhook {
  const opened = (sealed: Buffer | null, what: Sealed) =>
    sealed === null ? undefined : sealer.open(sealed, sealedOwner(row.instance_id, row.label, what));
  return {
    label: row.label,
    enabled: row.enabled,
    url: row.url,
    authorization: opened(row.authorization_sealed, "authorization"),
    byEvents: row.by_events,
    events: row.events,
    mediaBase64: row.media_base64,
    secret: opened(row.secret_sealed, "secret"),
    ordered: row.ordered,
    timeoutSeconds: row.timeout_seconds,
    disabledReason: row.disabled_reason ?? undefined,
  };
}
