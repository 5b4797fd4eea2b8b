/** The queries on accounts. */

import { randomUUID } from "node:crypto";
import type { Kysely, Transaction } from "kysely";
import { AppError } from "../domain/errors.js";
import { generateToken, hashToken } from "../domain/token.js";
import type { Schema } from "./schema.js";
import type { Account, Store } from "./store.js";
import { isUuid, violated, type Write } from "./writing.js";

type Accounts = Pick<Store, "createAccount" | "listAccounts" | "revokeAccount">;

export function createAccounts({ db, write }: { db: Kysely<Schema>; write: Write }): Accounts {
  return {
    createAccount: ({ name, token = generateToken("account") }) =>
      write(async (transaction, touch) => {
        const account = await insertAccount(transaction, { name, token, isDefault: false });
        touch({ kind: "account", id: account.id });
        return { account, token };
      }),

    async listAccounts() {
      const rows = await db.selectFrom("account").select(shown).orderBy("created_at").orderBy("id").execute();
      return rows.map(toAccount);
    },

    async revokeAccount(id) {
      if (!isUuid(id)) return false;
      return write(async (transaction, touch) => {
        const revoked = await transaction
          .updateTable("account")
          .set({ revoked_at: new Date() })
          .where("id", "=", id)
          .where("revoked_at", "is", null)
          .returning("id")
          .executeTakeFirst();
        if (revoked !== undefined) touch({ kind: "account", id: revoked.id });
        return revoked !== undefined;
      });
    },
  };
}

const shown = ["id", "name", "created_at", "revoked_at"] as const;

interface Row {
  id: string;
  name: string;
  created_at: Date;
  revoked_at: Date | null;
}

function toAccount({ id, name, created_at, revoked_at }: Row): Account {
  return { id, name, createdAt: created_at, revokedAt: revoked_at ?? undefined };
}

export async function insertAccount(
  transaction: Transaction<Schema>,
  { name, token, isDefault }: { name: string; token: string; isDefault: boolean },
): Promise<Account> {
  const row = await transaction
    .insertInto("account")
    .values({ id: randomUUID(), name, is_default: isDefault })
    .returning(shown)
    .executeTakeFirstOrThrow();
  await insertToken(transaction, { hash: hashToken(token), account_id: row.id });
  return toAccount(row);
}

/** A token has one owner, of whatever kind. */
export async function insertToken(
  transaction: Transaction<Schema>,
  token: { hash: Buffer; account_id: string; instance_id?: string },
): Promise<void> {
  try {
    await transaction.insertInto("token").values(token).execute();
  } catch (error) {
    if (violated(error) === "token_hash") throw new AppError("TOKEN_IN_USE", { cause: error });
    throw error;
  }
}
