/**
 * Runs a write and its notifications in one transaction. After the commit the directory of this node applies the
 * change. Also some checks of values and errors that several queries need.
 */

import { type Kysely, sql, type Transaction } from "kysely";
import type { Change } from "../../directory/synced-directory.js";
import { channelSql } from "./channel.js";
import type { Schema } from "./schema.js";
import type { Observe } from "./writability.js";

type Work<T> = (transaction: Transaction<Schema>, touch: (change: Change) => void) => Promise<T>;

/**
 * Runs `work` in a transaction, and notifies every node of each row that `work` touched with its second argument.
 * Resolves when the directory of this node has applied these rows. When `work` rejects, nothing is stored and nobody is
 * notified. Also rejects when the commit succeeded and the change could not be followed.
 */
export type Write = <T>(work: Work<T>) => Promise<T>;

export interface WritingOptions {
  readonly db: Kysely<Schema>;
  /** Brings this node's directory, and those of the other workers, up to date with a committed change. */
  readonly follow: (change: Change) => Promise<void>;
  readonly observe?: Observe | undefined;
}

export function createWriting({ db, follow, observe = (write) => write }: WritingOptions): Write {
  return async (work) => {
    const touched: Change[] = [];
    const writing = db.transaction().execute(async (transaction) => {
      const made = await work(transaction, (change) => void touched.push(change));
      for (const change of touched) {
        await sql`select pg_notify(${sql.raw(channelSql)}, ${`${change.kind} ${change.id}`})`.execute(transaction);
      }
      return made;
    });
    const result = await observe(writing);
    for (const change of touched) await follow(change);
    return result;
  };
}

/** Reads the payload of a notification. Undefined for a payload that names no account and no instance. */
export function readChange(payload: string): Change | undefined {
  const [kind, id] = payload.split(" ");
  if ((kind !== "account" && kind !== "instance") || id === undefined || !isUuid(id)) return undefined;
  return { kind, id };
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/**
 * Whether PostgreSQL can store the text. It cannot store U+0000, nor half of a surrogate pair, which UTF-8 does not
 * have.
 */
export function isStorable(text: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(text);
}

/** The name of the unique or foreign-key constraint that refused a row. Undefined for any other error. */
export function violated(error: unknown): string | undefined {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  const isViolation = code === "23505" || code === "23503";
  return isViolation && typeof constraint === "string" ? constraint : undefined;
}
