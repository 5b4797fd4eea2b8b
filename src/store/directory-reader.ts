/** Reads for the directory what it keeps in memory. */

import { type Kysely, sql, type Transaction } from "kysely";
import type { Logger } from "pino";
import type { DirectoryReader, InstanceRecord } from "../directory/replica.js";
import { requireKey } from "./key-check.js";
import type { Schema } from "./schema.js";
import type { Sealer } from "./sealing.js";
import { toWebsocket } from "./websockets.js";

export interface DirectoryReaderOptions {
  readonly db: Kysely<Schema>;
  readonly sealer: Sealer;
  readonly logger: Logger;
}

/** Between two pages the process serves others: 100,000 instances at once would stop it for most of a second. */
const pageRows = 1_000;

export function createDirectoryReader({ db, sealer, logger }: DirectoryReaderOptions): DirectoryReader {
  /** One damaged row must not keep the others from being served. */
  function toRecord(row: Row): InstanceRecord | undefined {
    try {
      const token = sealer.open(row.token_sealed, row.id);
      const instance = { id: row.id, accountId: row.account_id, name: row.name, token };
      return { instance, tokenHash: row.hash, websocket: toWebsocket(row) };
    } catch (error) {
      logger.error({ err: error, instanceId: row.id }, "the instance is left out: its token can not be decrypted");
      return undefined;
    }
  }

  return {
    readAll: () =>
      db
        .transaction()
        .setIsolationLevel("repeatable read")
        .setAccessMode("read only")
        .execute(async (transaction) => {
          await requireKey(transaction, sealer);
          const accounts = await selectAccounts(transaction).execute();
          const instances: InstanceRecord[] = [];
          // A cursor reads the tables once; pages by key cost 30 s with 100,000 instances whose statistics are missing.
          const all = selectInstances(transaction)
            .innerJoin("account", "account.id", "instance.account_id")
            .where("account.revoked_at", "is", null);
          await sql`declare instances cursor for ${all}`.execute(transaction);
          for (;;) {
            const { rows } = await sql<Row>`fetch ${sql.lit(pageRows)} from instances`.execute(transaction);
            for (const row of rows) {
              const record = toRecord(row);
              if (record !== undefined) instances.push(record);
            }
            if (rows.length < pageRows) return { accounts, instances };
          }
        }),

    readAccount: (id) => selectAccounts(db).where("account.id", "=", id).executeTakeFirst(),

    async readInstance(id) {
      const row = await selectInstances(db).where("instance.id", "=", id).executeTakeFirst();
      const record = row && toRecord(row);
      if (row !== undefined && record === undefined) await requireKey(db, sealer);
      return record;
    },
  };
}

type Source = Kysely<Schema> | Transaction<Schema>;

function selectAccounts(source: Source) {
  return source
    .selectFrom("account")
    .innerJoin("token", (join) => join.onRef("token.account_id", "=", "account.id").on("token.instance_id", "is", null))
    .select(["account.id", "token.hash as tokenHash"])
    .where("account.revoked_at", "is", null);
}

interface Row {
  id: string;
  account_id: string;
  name: string;
  token_sealed: Buffer;
  hash: Buffer;
  enabled: boolean | null;
  events: string[] | null;
  media_base64: boolean | null;
}

function selectInstances(source: Source) {
  return source
    .selectFrom("instance")
    .innerJoin("token", "token.instance_id", "instance.id")
    .leftJoin("websocket", "websocket.instance_id", "instance.id")
    .select(["instance.id", "instance.account_id", "instance.name", "instance.token_sealed", "token.hash"])
    .select(["websocket.enabled", "websocket.events", "websocket.media_base64"]);
}
