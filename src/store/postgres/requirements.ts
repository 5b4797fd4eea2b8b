/** Checks the database and the connection to it before a node or a command uses them. */

import type pg from "pg";
import { listenOn } from "./hearing.js";
import { connectAlone } from "./pool.js";
import { PreparationError } from "./preparation.js";
import { Unfollowed } from "./staleness.js";

/**
 * Checks that a node can use the database. Rejects with PreparationError when an operator must change the database or
 * its schema, with Unfollowed when the node would not hear of changes, and with the driver's error when the database
 * cannot be reached. Call this before any session gets settings: a pooler that is not in session mode would pass the
 * settings on to other clients.
 */
export async function requireDatabase(url: string): Promise<void> {
  const listener = await connectAlone(url, "eventwire start");
  try {
    await requireKind(listener);
    const teller = await connectAlone(url, "eventwire start");
    try {
      const hearing = await listenOn(listener, (statement, values) => teller.query(statement, values));
      await hearing.prove();
    } finally {
      teller.end().catch(() => {});
    }
  } finally {
    listener.end().catch(() => {});
  }
}

async function requireKind(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{
    encoding: string;
    standby: boolean;
    made: string | null;
    found: string | null;
    path: string;
  }>(`
    select current_setting('server_encoding') as encoding,
      pg_is_in_recovery() as standby,
      current_setting('search_path') as path,
      current_schema() as made,
      (select nspname from pg_class join pg_namespace on pg_namespace.oid = relnamespace
       where pg_class.oid = to_regclass('kysely_migration')) as found`);
  const [row] = rows;
  if (row === undefined) throw new Error("the database does not say what it is");
  if (row.standby) {
    throw new Unfollowed(
      "this PostgreSQL is a standby, which tells nobody of changes: DATABASE_URL must name the primary",
    );
  }
  if (row.encoding !== "UTF8") {
    throw new PreparationError(
      `The database is encoded in ${row.encoding}, which cannot hold every name: ` +
        "make another with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.",
    );
  }
  if (row.made === null) {
    throw new PreparationError(
      `No schema in the search_path ${row.path} exists: make it with CREATE SCHEMA, or set another.`,
    );
  }
  if (row.found !== null && row.found !== row.made) {
    throw new PreparationError(
      `The search_path ${row.path} finds the tables of Eventwire in the schema ${row.found}, and would make new ones in ` +
        `${row.made}: let it name one of them alone.`,
    );
  }
}
