/**
 * Reads and writes tokens in PostgreSQL. Each token has one owner, an account or an instance. The tables for tokens
 * hold only its SHA-256.
 */

import { type RawBuilder, sql, type Transaction } from "kysely";
import type { RetiringToken } from "../../directory/synced-directory.js";
import { AppError } from "../../domain/errors.js";
import { hashToken } from "../../domain/token.js";
import { violated } from "./notify-transaction.js";
import type { Schema } from "./schema.js";

export interface TokenOwner {
  readonly accountId: string;
  /** The instance that the token belongs to. Absent for the token of the account itself. */
  readonly instanceId?: string | undefined;
}

/**
 * Stores the token of a new account or instance. Rejects with AppError TOKEN_IN_USE when the token has an owner
 * already. A replaced token has its owner until its end.
 */
export async function insertToken(transaction: Transaction<Schema>, token: string, owner: TokenOwner): Promise<void> {
  const hash = hashToken(token);
  try {
    await transaction
      .insertInto("token")
      .values({ hash, account_id: owner.accountId, ...(owner.instanceId && { instance_id: owner.instanceId }) })
      .execute();
  } catch (error) {
    if (violated(error) === "token_hash") throw new AppError("TOKEN_IN_USE", { cause: error });
    throw error;
  }
  // The insert above has waited for any rotation that replaces this token at the same moment. So this query finds the
  // token if it was just replaced.
  const retiring = await transaction
    .selectFrom("retiring_token")
    .select("hash")
    .where("hash", "=", hash)
    .where("ends_at", ">", sql<Date>`now()`)
    .executeTakeFirst();
  if (retiring !== undefined) throw new AppError("TOKEN_IN_USE");
}

/**
 * Replaces the token of an owner. `graceMs` is how long the old token is still accepted, in milliseconds; older tokens
 * that are still accepted keep their ends. With 0 the old token and all older tokens end now.
 */
export async function replaceToken(
  transaction: Transaction<Schema>,
  token: string,
  owner: TokenOwner,
  graceMs: number,
): Promise<void> {
  await sql`delete from retiring_token where ends_at <= now() or (${graceMs === 0} and ${owned(owner)})`.execute(
    transaction,
  );
  if (graceMs > 0) {
    await sql`
      insert into retiring_token (hash, account_id, instance_id, ends_at)
      select hash, account_id, instance_id, now() + ${graceMs} * interval '1 millisecond'
      from token where ${owned(owner)}`.execute(transaction);
  }
  await sql`update token set hash = ${hashToken(token)} where ${owned(owner)}`.execute(transaction);
}

/**
 * SQL that reads an owner's replaced tokens that are still accepted, as JSON, within the statement that reads the
 * owner. Null when there are none. `owner` is the SQL condition for the owner. A token that has become a current token
 * again is left out.
 */
export function selectRetiring(owner: RawBuilder<unknown>) {
  return sql<string | null>`(
    select json_agg(json_build_array(encode(retiring.hash, 'hex'),
      extract(epoch from retiring.ends_at - clock_timestamp()) * 1000))::text
    from retiring_token as retiring
    where ${owner} and retiring.ends_at > clock_timestamp()
      and not exists (select from token where token.hash = retiring.hash))`.as("retiring");
}

/** Whether the database has any replaced token, also one whose end has passed. */
export async function anyRetires(transaction: Transaction<Schema>): Promise<boolean> {
  const found = await transaction.selectFrom("retiring_token").select("hash").limit(1).executeTakeFirst();
  return found !== undefined;
}

/** Reads the JSON of `selectRetiring`. Undefined when there are no replaced tokens. */
export function toRetiring(json: string | null): RetiringToken[] | undefined {
  if (json === null) return undefined;
  const rows = JSON.parse(json) as [hash: string, endsInMs: number][];
  return rows.map(([hash, endsInMs]) => ({ tokenHash: Buffer.from(hash, "hex"), endsInMs }));
}

function owned({ accountId, instanceId }: TokenOwner) {
  return instanceId === undefined
    ? sql`account_id = ${accountId}::uuid and instance_id is null`
    : sql`instance_id = ${instanceId}::uuid`;
}
