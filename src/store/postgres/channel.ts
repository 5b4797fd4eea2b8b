/**
 * Names in the database that all nodes of one installation use: a channel, a lock and the name of a connection.
 * Installations in different schemas of one database have different names.
 */

/**
 * SQL for the end of each name in this file: the id of the schema. The end is empty in the schema `public`, so that an
 * older installation keeps its names.
 */
const suffix = `(
  select case nspname when 'public' then '' else '_' || oid::text end
  from pg_namespace where nspname = current_schema())`;

/**
 * SQL for the name of the NOTIFY channel. A payload is `account <id>`, `instance <id>`, `nonce <id>`,
 * `webhooks-queued <id>,…` or `webhooks-changed <id>,…`. A node ignores a payload that it does not know.
 */
export const channelSql = `('eventwire' || ${suffix})`;

/** SQL for the first key of the lock that every node holds while it follows the changes: see `shared-bus.ts`. */
export const busLockSql = `hashtext('eventwire bus' || ${suffix})`;

/**
 * SQL for the name that PostgreSQL shows for a connection that listens to the channel. Every node that follows the
 * changes has one such connection.
 */
export const followerSql = `('eventwire changes' || ${suffix})`;
