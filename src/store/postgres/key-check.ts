/**
 * The row of the table `key_check`: a known text, encrypted with the key of this database. The row shows whether a
 * Sealer has that key.
 */

import type { Kysely } from "kysely";
import type { Sealer } from "../encryption/sealing.js";
import type { Schema } from "./schema.js";
import { Unfollowed } from "./staleness.js";

const text = "eventwire";

/** Encrypts the known text with the sealer's key. */
export function sealCheck(sealer: Sealer): Buffer {
  return sealer.seal(text, text);
}

/** Whether the sealer's key is the key that encrypted `sealed`, a result of `sealCheck`. */
export function keyFits(sealer: Sealer, sealed: Buffer): boolean {
  try {
    sealer.open(sealed, text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Rejects with Unfollowed when the sealer has not the key of the database, because the key was rotated while this node
 * could not reach the database. Such a node must not treat tokens that it cannot decrypt as deleted. It must not write
 * tokens that other nodes cannot decrypt.
 */
export async function requireKey(db: Kysely<Schema>, sealer: Sealer): Promise<void> {
  const check = await db.selectFrom("key_check").select("sealed").executeTakeFirst();
  if (check === undefined || !keyFits(sealer, check.sealed)) {
    throw new Unfollowed("the encryption key was rotated: restart this node with the new one");
  }
}
