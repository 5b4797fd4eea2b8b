/** Moves the end of retiring tokens near, so that a test need not guess how long its earlier steps take. */

import { query } from "./postgres.js";

/** Changes all retiring tokens in the database. Every node reads them anew. */
export async function endGraces(databaseUrl: string): Promise<void> {
  await query(databaseUrl, "update retiring_token set ends_at = now() + interval '200 milliseconds'");
  await query(
    databaseUrl,
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name like 'eventwire changes%' and datname = current_database()`,
  );
}
