/**
 * Prepares the database before a node uses it: the schema, the check of the encryption key, and the default account.
 */

import { type Kysely, sql, type Transaction } from "kysely";
import type { Logger } from "pino";
import { generateToken, hashToken } from "../../domain/token.js";
import type { EncryptionKey } from "../encryption/encryption-key.js";
import { createSealer } from "../encryption/sealing.js";
import { insertAccount } from "./accounts.js";
import { keyFits, sealCheck } from "./key-check.js";
import { migrate } from "./migrations.js";
import { createWriting } from "./notify-transaction.js";
import type { Schema } from "./schema.js";

/** An error that no further attempt would cure. Its message tells the operator what to change. */
export class PreparationError extends Error {
  override readonly name = "PreparationError";
}

/**
 * Brings the schema up to date, settles the encryption key, and writes the first key check. Rejects with
 * PreparationError when the key is missing, or when the tokens in the database were encrypted with another key.
 */
export async function prepareSchema(db: Kysely<Schema>, key: EncryptionKey): Promise<void> {
  await migrate(db as Kysely<unknown>);
  const used = await db.selectFrom("key_check").select("id").executeTakeFirst();
  const settled = await key.settle(used === undefined).catch((cause: Error) => {
    throw new PreparationError(cause.message, { cause });
  });
  if (!settled) {
    // A command on a new database goes on without a key, because the database has no token to decrypt yet.
    if (used === undefined) return;
    throw new PreparationError(
      "The key that tokens are encrypted with is missing: set ENCRYPTION_KEY to it, or bring encryption.key in DATA_DIR back.",
    );
  }
  const sealer = createSealer(key.read);
  await db
    .insertInto("key_check")
    .values({ id: 1, sealed: sealCheck(sealer) })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { sealed } = await db.selectFrom("key_check").select("sealed").executeTakeFirstOrThrow();
  if (!keyFits(sealer, sealed)) {
    throw new PreparationError(
      "The tokens in the database were encrypted with another key: set ENCRYPTION_KEY to that key, or bring its key file back.",
    );
  }
}

export interface FirstAccountOptions {
  readonly db: Kysely<Schema>;
  readonly logger: Logger;
  readonly accountToken: string | undefined;
  /** Awaited before the first account is created without `accountToken`. When it rejects, no account is created. */
  readonly beforeFirstAccount: () => Promise<void>;
  readonly onFirstAccount: (token: string) => void;
}

/**
 * Prepares the default account at the start of a node. The default account is the account that a start has created and
 * that is not revoked. Without `accountToken`: when the database never had an account, a default account is created,
 * and `onFirstAccount` gets its token. With `accountToken`: a token that is new to the database replaces the token of
 * the default account, or becomes the token of a new one when there is none. The replaced token stops working; the
 * instances of the account stay. A token that an account has already changes nothing, also when that account is
 * revoked. Rejects with PreparationError when the token belongs to an instance.
 */
export async function prepareAccount({
  db,
  logger,
  accountToken,
  beforeFirstAccount,
  onFirstAccount,
}: FirstAccountOptions): Promise<void> {
  if (accountToken === undefined) {
    const any = await db.selectFrom("account").select("id").limit(1).executeTakeFirst();
    if (any === undefined) await beforeFirstAccount();
  }
  const write = createWriting({ db, follow: async () => {} });
  const made = await write(async (transaction, touch) => {
    // Only one start at a time holds this lock, so that only one of several starts creates the account. The others wait
    // and then find it.
    await sql`select pg_advisory_xact_lock(${firstAccountLock})`.execute(transaction);
    if (accountToken !== undefined) {
      const id = await ensureToken(transaction, accountToken, logger);
      if (id !== undefined) touch({ kind: "account", id });
      return undefined;
    }
    const any = await transaction.selectFrom("account").select("id").limit(1).executeTakeFirst();
    if (any !== undefined) return undefined;
    const token = generateToken("account");
    const { id } = await insertAccount(transaction, { name: defaultName, token, isDefault: true });
    touch({ kind: "account", id });
    return token;
  });
  if (made !== undefined) onFirstAccount(made);
}

const firstAccountLock = 1_702_258_293;
const defaultName = "default";

/**
 * Gives the token to the default account, or to a new one when there is none, and returns the id of that account. When
 * an account, even a revoked one, has the token already, changes nothing and returns undefined. Throws PreparationError
 * when the token belongs to an instance.
 */
async function ensureToken(
  transaction: Transaction<Schema>,
  token: string,
  logger: Logger,
): Promise<string | undefined> {
  const hash = hashToken(token);
  const owner = await transaction
    .selectFrom("token")
    .innerJoin("account", "account.id", "token.account_id")
    .select(["token.instance_id", "account.revoked_at"])
    .where("token.hash", "=", hash)
    .executeTakeFirst();
  if (owner !== undefined) {
    if (owner.instance_id !== null)
      throw new PreparationError("ACCOUNT_TOKEN is the token of an instance: set another.");
    if (owner.revoked_at !== null) logger.error("ACCOUNT_TOKEN has been revoked and stays revoked: set another");
    return undefined;
  }
  const existing = await transaction
    .selectFrom("account")
    .select("id")
    .where("is_default", "=", true)
    .where("revoked_at", "is", null)
    .executeTakeFirst();
  if (existing === undefined) {
    return (await insertAccount(transaction, { name: defaultName, token, isDefault: true })).id;
  }
  await transaction
    .updateTable("token")
    .set({ hash })
    .where("account_id", "=", existing.id)
    .where("instance_id", "is", null)
    .execute();
  logger.warn({ accountId: existing.id }, "ACCOUNT_TOKEN has replaced the token of the default account");
  return existing.id;
}
