/** Reads from the database the rows that the directory keeps in memory: all of them, or one account or instance. */

import { type Kysely, sql, type Transaction } from "kysely";
import type { Logger } from "pino";
import type {
  AccountRecord,
  DirectoryPage,
  DirectoryReader,
  InstanceRecord,
} from "../../directory/synced-directory.js";
import { compileFilter } from "../../domain/filter.js";
import type { WebhookFilter } from "../../domain/webhook.js";
import type { VersionedWebsocket } from "../../domain/websocket.js";
import type { Sealer } from "../encryption/sealing.js";
import { requireKey } from "./key-check.js";
import type { Schema } from "./schema.js";
import { anyRetires, selectRetiring, toRetiring } from "./tokens.js";

export interface DirectoryReaderOptions {
  readonly db: Kysely<Schema>;
  readonly sealer: Sealer;
  readonly logger: Logger;
}

/** Number of rows in a page. The process can do other work between two pages. */
const pageRows = 1_000;
/**
 * Most configurations that are remembered, so that equal ones of one version share one object. When there are more, all
 * are forgotten.
 */
const channelsMax = 4_096;

export function createDirectoryReader({ db, sealer, logger }: DirectoryReaderOptions): DirectoryReader {
  const channels = new Map<string, VersionedWebsocket>();

  function readWebsocket(channel: string | null): VersionedWebsocket | undefined {
    if (channel === null) return undefined;
    const known = channels.get(channel);
    if (known !== undefined) return known;
    const [version, enabled, mediaBase64, events] = JSON.parse(channel) as [number, boolean, boolean, string[]];
    const websocket = { enabled, events, mediaBase64, version };
    if (channels.size >= channelsMax) channels.clear();
    channels.set(channel, websocket);
    return websocket;
  }

  const toInstance = (row: InstanceRow): InstanceRecord => ({
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    disconnects: row.disconnects,
    sealed: row.token_sealed,
    tokenHash: row.hash,
    retiring: toRetiring(row.retiring),
    websocket: readWebsocket(row.channel),
    webhooks: readWebhooks(row.webhooks),
  });

  return {
    open: (sealed, id) => sealer.open(sealed, id),

    async *readAll() {
      const transaction = await db
        .startTransaction()
        .setIsolationLevel("repeatable read")
        .setAccessMode("read only")
        .execute();
      try {
        await requireKey(transaction, sealer);
        for await (const rows of pagesOf<AccountRow>(transaction, selectAccounts(transaction)))
          yield accountsPage(rows.map(toAccount));
        const extras = { retiring: await anyRetires(transaction), webhooks: await anyWebhook(transaction) };
        const all = selectInstances(transaction, extras)
          .innerJoin("account", "account.id", "instance.account_id")
          .where("account.revoked_at", "is", null);
        for await (const rows of pagesOf<InstanceRow>(transaction, all)) yield instancesPage(rows.map(toInstance));
      } finally {
        // The transaction has only read, so it may end by a rollback.
        await transaction.rollback().execute();
      }
    },

    async readAccount(id) {
      const row = await selectAccounts(db).where("account.id", "=", id).executeTakeFirst();
      return row && toAccount(row);
    },

    async readInstance(id) {
      const row = await selectInstances(db, { retiring: true, webhooks: true })
        .where("instance.id", "=", id)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const record = toInstance(row);
      try {
        sealer.open(row.token_sealed, id);
      } catch (error) {
        await requireKey(db, sealer);
        logger.error({ err: error, instanceId: id }, "the token of the instance cannot be decrypted");
      }
      return record;
    },
  };
}

/** Reads the JSON of the enabled webhooks of an instance. Undefined when there are none. */
function readWebhooks(json: string | null): WebhookFilter[] | undefined {
  if (json === null) return undefined;
  const rows = JSON.parse(json) as [id: string, label: string, version: number, media: boolean, events: string[]][];
  return rows.map(([id, label, version, mediaBase64, events]) => ({
    ...{ id, label, version },
    ...compileFilter({ enabled: true, events, mediaBase64 }),
  }));
}

const accountsPage = (accounts: readonly AccountRecord[]): DirectoryPage => ({ accounts, instances: [] });
const instancesPage = (instances: readonly InstanceRecord[]): DirectoryPage => ({ accounts: [], instances });

type Source = Kysely<Schema> | Transaction<Schema>;

/**
 * Reads all rows of a query page by page; the last page may be empty. It uses a cursor in the database, which reads the
 * tables once. A separate query for each page took 30 s for 100,000 instances when the database had no statistics. The
 * database prepares the next page while the caller works on the current page.
 */
async function* pagesOf<Row>(
  transaction: Transaction<Schema>,
  query: Parameters<typeof sql>[1],
): AsyncGenerator<Row[]> {
  // This setting tells the planner that all rows are wanted. Otherwise the planner chooses the plan with the earliest
  // first row.
  await sql`set local cursor_tuple_fraction = 1`.execute(transaction);
  await sql`declare page cursor for ${query}`.execute(transaction);
  const fetch = () => sql<Row>`fetch ${sql.lit(pageRows)} from page`.execute(transaction);
  for (let next = fetch(); ; ) {
    const { rows } = await next;
    const last = rows.length < pageRows;
    if (!last) next = fetch();
    next.catch(() => {});
    yield rows;
    if (last) break;
  }
  await sql`close page`.execute(transaction);
}

function selectAccounts(source: Source) {
  return source
    .selectFrom("account")
    .innerJoin("token", (join) => join.onRef("token.account_id", "=", "account.id").on("token.instance_id", "is", null))
    .select(["account.id", "account.disconnects", "token.hash"])
    .select(selectRetiring(sql`retiring.account_id = account.id and retiring.instance_id is null`))
    .where("account.revoked_at", "is", null);
}

interface AccountRow {
  id: string;
  disconnects: number;
  hash: Buffer;
  retiring: string | null;
}

const toAccount = ({ id, disconnects, hash, retiring }: AccountRow): AccountRecord => ({
  id,
  disconnects,
  tokenHash: hash,
  retiring: toRetiring(retiring),
});

interface InstanceRow {
  id: string;
  account_id: string;
  name: string;
  disconnects: number;
  token_sealed: Buffer;
  hash: Buffer;
  retiring: string | null;
  /** JSON array of version, enabled, mediaBase64 and events. Null when the channel was never configured. */
  channel: string | null;
  /** JSON array of the enabled webhooks, each an array. Null when there are none. */
  webhooks: string | null;
}

/** Whether the database has any enabled webhook. */
async function anyWebhook(transaction: Transaction<Schema>): Promise<boolean> {
  const found = await transaction.selectFrom("webhook").select("id").where("enabled", "=", true).limit(1).execute();
  return found.length > 0;
}

/**
 * Selects instances with their tokens and configurations, also those of revoked accounts. With `retiring`, also selects
 * replaced tokens that are still accepted, and with `webhooks` the enabled webhooks. Each of the two costs one more
 * look-up per instance.
 */
function selectInstances(source: Source, { retiring, webhooks }: { retiring: boolean; webhooks: boolean }) {
  return source
    .selectFrom("instance")
    .innerJoin("token", "token.instance_id", "instance.id")
    .leftJoin("websocket", "websocket.instance_id", "instance.id")
    .select(["instance.id", "instance.account_id", "instance.name", "instance.disconnects"])
    .select(["instance.token_sealed", "token.hash"])
    .select(retiring ? selectRetiring(sql`retiring.instance_id = instance.id`) : sql<null>`null`.as("retiring"))
    .select(
      sql<string | null>`case when websocket.instance_id is not null then
        json_build_array(websocket.version, websocket.enabled, websocket.media_base64, websocket.events)::text
        end`.as("channel"),
    )
    .select(webhooks ? selectWebhooks : sql<null>`null`.as("webhooks"));
}

const selectWebhooks = sql<string | null>`(
  select json_agg(json_build_array(
    webhook.id::text, webhook.label, webhook.version, webhook.media_base64, webhook.events) order by webhook.id)::text
  from webhook where webhook.instance_id = instance.id and webhook.enabled)`.as("webhooks");
