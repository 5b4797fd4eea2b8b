/** Reads and writes accounts in PostgreSQL. */

import { randomUUID } from "node:crypto";
import type { Kysely, Transaction } from "kysely";
import { generateToken } from "../../domain/token.js";
import type { Account, Store } from "../store.js";
import { isUuid, type Write } from "./notify-transaction.js";
import type { Schema } from "./schema.js";
import { insertToken, replaceToken } from "./tokens.js";

type Accounts = Pick<Store, "createAccount" | "listAccounts" | "revokeAccount" | "rotateAccountToken">;

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

    async rotateAccountToken(id, graceMs = 0) {
      if (!isUuid(id)) return undefined;
      return write(async (transaction, touch) => {
        const found = await transaction
          .selectFrom("account")
          .select("id")
          .where("id", "=", id)
          .where("revoked_at", "is", null)
          .forUpdate()
          .executeTakeFirst();
        if (found === undefined) return undefined;
        const token = generateToken("account");
        await replaceToken(transaction, token, { accountId: id }, graceMs);
        touch({ kind: "account", id });
        return token;
      });
    },
  };
}

const shown = ["id", "name", "is_default", "created_at", "revoked_at"] as const;

interface Row {
  id: string;
  name: string;
  is_default: boolean;
  created_at: Date;
  revoked_at: Date | null;
}

function toAccount({ id, name, is_default, created_at, revoked_at }: Row): Account {
  return { id, name, isDefault: is_default, createdAt: created_at, revokedAt: revoked_at ?? undefined };
}

/** Inserts an account and its token. Rejects with AppError TOKEN_IN_USE when the token has an owner already. */
export async function insertAccount(
  transaction: Transaction<Schema>,
  { name, token, isDefault }: { name: string; token: string; isDefault: boolean },
): Promise<Account> {
  const row = await transaction
    .insertInto("account")
    .values({ id: randomUUID(), name, is_default: isDefault })
    .returning(shown)
    .executeTakeFirstOrThrow();
  await insertToken(transaction, token, { accountId: row.id });
  return toAccount(row);
}
