/** Reads and writes instances in PostgreSQL. */

import { randomUUID } from "node:crypto";
import { type Kysely, sql, type Transaction } from "kysely";
import { AppError } from "../../domain/errors.js";
import type { Instance } from "../../domain/instance.js";
import { generateToken } from "../../domain/token.js";
import { defaultLabel } from "../../domain/webhook.js";
import type { Sealer } from "../encryption/sealing.js";
import type { InstanceChoice, Store } from "../store.js";
import { requireKey } from "./key-check.js";
import { isStorable, isUuid, violated, type Write } from "./notify-transaction.js";
import type { Schema } from "./schema.js";
import { insertToken, replaceToken } from "./tokens.js";
import { openWebhook, saveWebhook, type WebhookRow } from "./webhooks.js";
import { readWebsocket, saveWebsocket } from "./websockets.js";

type Instances = Pick<
  Store,
  | "findInstance"
  | "createInstance"
  | "listInstances"
  | "countInstances"
  | "existingNames"
  | "deleteInstance"
  | "rotateInstanceToken"
  | "setStates"
>;

export interface InstanceQueriesOptions {
  readonly db: Kysely<Schema>;
  readonly write: Write;
  readonly sealer: Sealer;
  /** Number of instances that one account may have; 0 means no limit. */
  readonly accountInstanceQuota: number;
}

export function createInstanceQueries({ db, write, sealer, accountInstanceQuota }: InstanceQueriesOptions): Instances {
  const open = (row: InstanceRow): Instance => ({
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    token: sealer.open(row.token_sealed, row.id),
  });

  return {
    async findInstance(accountId, name) {
      if (!isUuid(accountId) || !isStorable(name)) return undefined;
      const row = await db
        .selectFrom("instance")
        .select(kept)
        .where("account_id", "=", accountId)
        .where("name", "=", name)
        .executeTakeFirst();
      return row && open(row);
    },

    createInstance: ({ accountId, name, token = generateToken("instance"), websocket, webhook }) =>
      write(async (transaction, touch) => {
        await lockAccount(transaction, accountId, accountInstanceQuota > 0);
        await requireKey(transaction, sealer);
        const id = randomUUID();
        await insertInstance(transaction, { id, accountId, name, tokenSealed: sealer.seal(token, id) });
        await insertToken(transaction, token, { accountId, instanceId: id });
        if (accountInstanceQuota > 0 && (await countInstances(transaction, accountId)) > accountInstanceQuota) {
          throw new AppError("QUOTA_EXCEEDED");
        }
        touch({ kind: "instance", id });
        const socket = websocket && (await attempt(transaction, () => saveWebsocket(transaction, id, websocket)));
        const hook = webhook && (await attempt(transaction, () => saveWebhook(transaction, sealer, id, webhook)));
        return {
          ...{ id, accountId, name, token },
          ...(socket?.failure !== undefined && { websocketFailure: socket.failure }),
          ...(hook?.failure !== undefined && { webhookFailure: hook.failure }),
          ...(hook?.saved !== undefined && { webhook: hook.saved }),
        };
      }),

    async listInstances(accountId, { after, limit, ...only } = {}) {
      const chosen = choose(db, accountId, only);
      if (chosen === undefined) return [];
      let query = chosen
        .leftJoin("websocket", "websocket.instance_id", "instance.id")
        .select(kept)
        .select(["instance.status", "instance.number_jid", "instance.seq"])
        .select(["websocket.enabled", "websocket.events", "websocket.media_base64"])
        .select(
          sql<WebhookRow | null>`(
            select to_jsonb(webhook) from webhook
            where webhook.instance_id = instance.id and webhook.label = ${defaultLabel})`.as("webhook"),
        )
        .select(sql<string>`(extract(epoch from instance.created_at) * 1000000)::bigint`.as("created_us"));
      if (after !== undefined) {
        query = query.where(
          sql<boolean>`(instance.created_at, instance.seq) > (
            timestamptz 'epoch' + ${after.createdAt}::bigint * interval '1 microsecond', ${after.seq}::bigint)`,
        );
      }
      if (limit !== undefined) query = query.limit(limit);
      const rows = await query.orderBy("instance.created_at").orderBy("instance.seq").execute();
      return rows.map((row) => ({
        instance: open(row),
        status: row.status,
        numberJid: row.number_jid ?? undefined,
        websocket: readWebsocket(row),
        webhook: row.webhook === null ? undefined : openWebhook(fromJson(row.webhook), sealer),
        position: { createdAt: row.created_us, seq: row.seq },
      }));
    },

    async countInstances(accountId, only = {}) {
      const counted = await choose(db, accountId, only)
        ?.select((eb) => eb.fn.countAll<string>().as("count"))
        .executeTakeFirstOrThrow();
      return Number(counted?.count ?? 0);
    },

    async existingNames(accountId, names) {
      const rows = await choose(db, accountId, { names })?.select("instance.name").execute();
      return new Set(rows?.map(({ name }) => name));
    },

    async deleteInstance(id) {
      if (!isUuid(id)) return false;
      return write(async (transaction, touch) => {
        const { numDeletedRows } = await transaction.deleteFrom("instance").where("id", "=", id).executeTakeFirst();
        if (numDeletedRows === 0n) return false;
        touch({ kind: "instance", id });
        return true;
      });
    },

    async rotateInstanceToken(id, graceMs = 0) {
      if (!isUuid(id)) return undefined;
      return write(async (transaction, touch) => {
        await requireKey(transaction, sealer);
        const token = generateToken("instance");
        const rotated = await transaction
          .updateTable("instance")
          .set({ token_sealed: sealer.seal(token, id) })
          .where("id", "=", id)
          .returning("account_id")
          .executeTakeFirst();
        if (rotated === undefined) return undefined;
        await replaceToken(transaction, token, { accountId: rotated.account_id, instanceId: id }, graceMs);
        touch({ kind: "instance", id });
        return token;
      });
    },

    async setStates(states) {
      const rows = [...states].filter(([id]) => isUuid(id));
      if (rows.length === 0) return;
      const storable = (text: string | undefined) => (text !== undefined && isStorable(text) ? text : null);
      const ids = rows.map(([id]) => id);
      const values = rows.map(([, { status }]) => storable(status));
      const jids = rows.map(([, { numberJid }]) => storable(numberJid));
      // Every node locks the rows in the order of their ids, so two nodes never wait for each other.
      const update = sql`
        with given as (
          select * from unnest(${ids}::uuid[], ${values}::text[], ${jids}::text[]) as given (id, status, number_jid)
        ),
        locked as (select id from instance where id = any(${ids}::uuid[]) order by id for no key update)
        update instance set
          status = coalesce(given.status, instance.status),
          number_jid = coalesce(given.number_jid, instance.number_jid)
        from given, locked
        where instance.id = locked.id and instance.id = given.id
          and (instance.status <> given.status or instance.number_jid is distinct from
            coalesce(given.number_jid, instance.number_jid))`;
      await write((transaction) => update.execute(transaction));
    },
  };
}

const kept = ["instance.id", "instance.account_id", "instance.name", "instance.token_sealed"] as const;

/**
 * The query for instances of an account, restricted to `names` when they are given and to `id` when it is given.
 * Undefined when no row can match.
 */
function choose(db: Kysely<Schema>, accountId: string, { names, id }: InstanceChoice) {
  if (!isUuid(accountId) || (id !== undefined && !isUuid(id))) return undefined;
  let query = db.selectFrom("instance").where("instance.account_id", "=", accountId);
  if (names !== undefined) {
    query = query.where("instance.name", "=", sql<string>`any(${names.filter(isStorable)}::text[])`);
  }
  return id === undefined ? query : query.where("instance.id", "=", id);
}

interface InstanceRow {
  id: string;
  account_id: string;
  name: string;
  token_sealed: Buffer;
}

/**
 * Locks the account until the commit, so that nobody revokes it meanwhile. With `alone`, nobody else can add an
 * instance to the account either, which the quota needs. Rejects with INVALID_TOKEN when the account does not exist or
 * is revoked.
 */
async function lockAccount(transaction: Transaction<Schema>, id: string, alone: boolean): Promise<void> {
  const query = transaction.selectFrom("account").select("id").where("id", "=", id).where("revoked_at", "is", null);
  const found = await (alone ? query.forUpdate() : query.forShare()).executeTakeFirst();
  if (found === undefined) throw new AppError("INVALID_TOKEN");
}

async function insertInstance(
  transaction: Transaction<Schema>,
  { id, accountId, name, tokenSealed }: { id: string; accountId: string; name: string; tokenSealed: Buffer },
): Promise<void> {
  try {
    await transaction
      .insertInto("instance")
      .values({ id, account_id: accountId, name, token_sealed: tokenSealed })
      .execute();
  } catch (error) {
    if (violated(error) === "instance_name") throw new AppError("INSTANCE_EXISTS", { cause: error });
    throw error;
  }
}

/**
 * Saves a configuration of a new instance. When the database refuses the configuration, returns the error, because the
 * instance is kept without one. Throws when the transaction cannot go on.
 */
async function attempt<T>(
  transaction: Transaction<Schema>,
  save: () => Promise<T>,
): Promise<{ saved?: T; failure?: unknown }> {
  await sql`savepoint configuring`.execute(transaction);
  try {
    return { saved: await save() };
  } catch (failure) {
    await sql`rollback to savepoint configuring`.execute(transaction);
    return { failure };
  }
}

/** A row of webhooks as JSON has its bytes as hexadecimal text. */
function fromJson(row: WebhookRow): WebhookRow {
  const bytes = (value: Buffer | null) => (value === null ? null : Buffer.from(String(value).slice(2), "hex"));
  const { authorization_sealed, secret_sealed } = row;
  return { ...row, authorization_sealed: bytes(authorization_sealed), secret_sealed: bytes(secret_sealed) };
}

async function countInstances(transaction: Transaction<Schema>, accountId: string): Promise<number> {
  const counted = await transaction
    .selectFrom("instance")
    .select((eb) => eb.fn.countAll<string>().as("count"))
    .where("account_id", "=", accountId)
    .executeTakeFirstOrThrow();
  return Number(counted.count);
}
