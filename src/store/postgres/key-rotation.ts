/**
 * Rotates the encryption key: encrypts every instance token, and the headers and secrets of webhooks, anew with another
 * key, all of them or none.
 */

import { type Kysely, sql, type Transaction } from "kysely";
import { adoptNextKey, type NextKey, prepareNextKey } from "../encryption/encryption-key.js";
import { createSealer, type Sealer } from "../encryption/sealing.js";
import { type DatabaseChoice, onPatientDatabase, openParts } from "../open-store.js";
import { reasonOf } from "./backoff.js";
import { countFollowers } from "./followers.js";
import { keyFits, sealCheck } from "./key-check.js";
import { migrate } from "./migrations.js";
import { PreparationError } from "./preparation.js";
import type { Schema } from "./schema.js";
import { sealedOwner } from "./webhooks.js";

export interface KeyRotationOptions extends DatabaseChoice {
  /**
   * The new key, of 32 bytes. Required when `encryptionKey` is given. When both are absent, a key is generated and
   * replaces the key file.
   */
  readonly newEncryptionKey: Buffer | undefined;
}

export interface KeyRotation {
  /**
   * Number of tokens that were encrypted anew. Undefined when the new key was already in force in the database, because
   * an earlier run was interrupted after that.
   */
  readonly tokens: number | undefined;
  /** Path of the file with the new key. Undefined when the operator gave the new key. */
  readonly keyFile: string | undefined;
}

/**
 * Rotates the key. Rejects with a sentence, and changes no token, when a node is connected, when the current key is
 * missing or does not fit, or when a token cannot be decrypted. When the process is killed, the same call made again
 * completes the rotation.
 */
export async function rotateEncryptionKey(options: KeyRotationOptions): Promise<KeyRotation> {
  const { dataDir, encryptionKey, newEncryptionKey } = options;
  if (encryptionKey !== undefined && newEncryptionKey === undefined) {
    throw new Error("NEW_ENCRYPTION_KEY must be set to the new key, because ENCRYPTION_KEY is set.");
  }
  const { url, key, closeServer } = await openParts(options, "command");
  let made: NextKey | undefined;
  try {
    if (!(await key.settle(false)))
      throw new PreparationError("There is no key to rotate: set DATA_DIR as for the service.");
    if (newEncryptionKey === undefined) made = await prepareNextKey(dataDir);
    const next = newEncryptionKey ?? (made as NextKey).key;
    const sealers = [createSealer(key.read), createSealer(next)] as const;
    const tokens = await onPatientDatabase(url, options, (db) => rotate(db, ...sealers));
    return { tokens, keyFile: newEncryptionKey === undefined ? await adoptNextKey(dataDir) : undefined };
  } catch (cause) {
    if (cause instanceof PreparationError) {
      made?.discard();
      throw cause;
    }
    throw new Error(`The key cannot be rotated: ${reasonOf(cause)}.`, { cause });
  } finally {
    await closeServer();
  }
}

async function rotate(db: Kysely<Schema>, current: Sealer, next: Sealer): Promise<number | undefined> {
  await migrate(db as Kysely<unknown>);
  return db.transaction().execute(async (transaction) => {
    // The lock keeps everybody from adding a token until the end of this transaction. A node that starts now waits at
    // its check of the key, and then refuses the old key.
    await sql`lock table key_check, instance, webhook in share row exclusive mode`.execute(transaction);
    await refuseNodes(transaction);
    const check = await transaction.selectFrom("key_check").select("sealed").executeTakeFirst();
    if (check !== undefined && keyFits(next, check.sealed)) return undefined;
    if (check !== undefined && !keyFits(current, check.sealed)) {
      throw new PreparationError(
        "The tokens in the database were encrypted with another key than ENCRYPTION_KEY or the key file.",
      );
    }
    const tokens = await sealAll(transaction, current, next);
    await sealWebhooks(transaction, current, next);
    const sealed = sealCheck(next);
    await transaction
      .insertInto("key_check")
      .values({ id: 1, sealed })
      .onConflict((conflict) => conflict.column("id").doUpdateSet({ sealed }))
      .execute();
    return tokens;
  });
}

/**
 * Throws PreparationError while a node is connected. A node with the old key would treat tokens that it cannot decrypt
 * as deleted, and write tokens that nobody else can read.
 */
async function refuseNodes(transaction: Transaction<Schema>): Promise<void> {
  const nodes = await countFollowers(transaction);
  if (nodes > 0) {
    throw new PreparationError(
      `${nodes === 1 ? "One node is" : `${nodes} nodes are`} connected to the database: stop every node first.`,
    );
  }
}

const pageRows = 1_000;
const firstId = "00000000-0000-0000-0000-000000000000";

async function sealAll(transaction: Transaction<Schema>, current: Sealer, next: Sealer): Promise<number> {
  let count = 0;
  for (let last = firstId; ; ) {
    const rows = await transaction
      .selectFrom("instance")
      .select(["id", "token_sealed"])
      .where("id", ">", last)
      .orderBy("id")
      .limit(pageRows)
      .execute();
    const ids = rows.map(({ id }) => id);
    const sealed = rows.map(({ id, token_sealed }) => next.seal(openToken(current, id, token_sealed), id));
    await sql`
      update instance set token_sealed = given.sealed
      from unnest(${ids}::uuid[], ${sealed}::bytea[]) as given (id, sealed)
      where instance.id = given.id`.execute(transaction);
    count += rows.length;
    const id = ids.at(-1);
    if (id === undefined || rows.length < pageRows) return count;
    last = id;
  }
}

/** The encrypted columns of a webhook, each with the kind of value that its encryption names. */
const sealedColumns = {
  authorization_sealed: "authorization",
  secret_sealed: "secret",
  previous_secret_sealed: "secret",
} as const;
type SealedColumn = keyof typeof sealedColumns;

/** Encrypts the headers and secrets of all webhooks anew. */
async function sealWebhooks(transaction: Transaction<Schema>, current: Sealer, next: Sealer): Promise<void> {
  for (let last = "0"; ; ) {
    const rows = await transaction
      .selectFrom("webhook")
      .select(["id", "instance_id", "label", "authorization_sealed", "secret_sealed", "previous_secret_sealed"])
      .where("id", ">", last)
      .orderBy("id")
      .limit(pageRows)
      .execute();
    const ids = rows.map(({ id }) => id);
    const anew = (column: SealedColumn) =>
      rows.map(({ instance_id, label, [column]: sealed }) => {
        const owner = sealedOwner(instance_id, label, sealedColumns[column]);
        return sealed && next.seal(openSecret(current, instance_id, sealed, owner), owner);
      });
    await sql`
      update webhook set
        authorization_sealed = given.header, secret_sealed = given.secret, previous_secret_sealed = given.previous
      from unnest(
        ${ids}::bigint[], ${anew("authorization_sealed")}::bytea[], ${anew("secret_sealed")}::bytea[],
        ${anew("previous_secret_sealed")}::bytea[]
      ) as given (id, header, secret, previous)
      where webhook.id = given.id`.execute(transaction);
    const id = ids.at(-1);
    if (id === undefined || rows.length < pageRows) return;
    last = id;
  }
}

function openSecret(sealer: Sealer, instanceId: string, sealed: Buffer, owner: string): string {
  try {
    return sealer.open(sealed, owner);
  } catch (cause) {
    throw new PreparationError(
      `A webhook of the instance ${instanceId} cannot be decrypted, so nothing was changed: restore or delete its row first.`,
      { cause },
    );
  }
}

function openToken(current: Sealer, id: string, sealed: Buffer): string {
  try {
    return current.open(sealed, id);
  } catch (cause) {
    throw new PreparationError(
      `The token of the instance ${id} cannot be decrypted, so nothing was changed: restore or delete this row first.`,
      { cause },
    );
  }
}
