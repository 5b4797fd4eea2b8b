/** Counts the nodes that follow the changes of the database now. */

import { sql, type Transaction } from "kysely";
import { followerSql } from "./channel.js";
import type { Schema } from "./schema.js";

/**
 * Counts the connections on which nodes listen for changes. A node without a connection to the database is not counted.
 * A node that has just died may be.
 */
export async function countFollowers(transaction: Transaction<Schema>): Promise<number> {
  const { rows } = await sql<{ nodes: number }>`
    select count(*)::int as nodes from pg_stat_activity
    where datname = current_database() and application_name = ${sql.raw(followerSql)}`.execute(transaction);
  return rows[0]?.nodes ?? 0;
}
