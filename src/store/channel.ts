/** Names that the nodes of one install share in a database, and that differ between installs in its schemas. */

/** Added to a name, in SQL. An install in `public` has the names that it had before there could be others. */
const suffix = `(
  select case nspname when 'public' then '' else '_' || oid::text end
  from pg_namespace where nspname = current_schema())`;

/** The channel of NOTIFY, in SQL. A payload is `account <id>`, `instance <id>` or `nonce <id>`. */
export const channelSql = `('eventwire' || ${suffix})`;

/** Locked by every node while it follows the changes, in SQL: see `shared-bus.ts`. */
export const busLockSql = `hashtext('eventwire bus' || ${suffix})`;

/** What PostgreSQL calls the connection that listens, in SQL: every running node has one. */
export const followerSql = `('eventwire changes' || ${suffix})`;
