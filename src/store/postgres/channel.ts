/**
 * Names that all nodes of one installation share in a database. They differ between installations that use different
 * schemas.
 */

/**
 * The SQL of the suffix of these names. It is empty in the schema `public`, so that an older installation keeps its
 * names.
 */
const suffix = `(
  select case nspname when 'public' then '' else '_' || oid::text end
  from pg_namespace where nspname = current_schema())`;

/** The SQL of the channel of NOTIFY. A payload is `account <id>`, `instance <id>` or `nonce <id>`. */
export const channelSql = `('eventwire' || ${suffix})`;

/** Locked by every node while it follows the changes, in SQL: see `shared-bus.ts`. */
export const busLockSql = `hashtext('eventwire bus' || ${suffix})`;

/**
 * The SQL of the name that PostgreSQL shows for the listening connection. Every running node has one such connection.
 */
export const followerSql = `('eventwire changes' || ${suffix})`;
