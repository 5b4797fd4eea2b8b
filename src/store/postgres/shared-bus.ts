/**
 * Makes sure that all nodes on one database share one bus. With two buses an event would reach only some of its
 * sockets, and nobody would learn of the loss. So each node holds a lock in the database that names its bus. A node
 * does not start while another node holds a lock with another name.
 */

import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import type { Logger } from "pino";
import { busLockSql } from "./channel.js";
import { PreparationError } from "./preparation.js";

export interface BusChoice {
  /** The name of this node's bus. Two nodes that get each other's events have the same name here. */
  readonly name: string;
  /**
   * How long a starting node waits for nodes on another bus to end, in milliseconds. Such a node may be a predecessor
   * that is stopping. After this time the start fails.
   */
  readonly patienceMs: number;
}

export interface SharedBus {
  /**
   * Takes the lock on `client`, which must be a session. Call this on each new connection that follows the changes.
   * Until a call has resolved, each call waits while nodes on another bus exist, and rejects with PreparationError when
   * they do not end in time. Later calls only log that such nodes exist, because a node that serves must not end for
   * another node's fault.
   */
  join(client: pg.Client, signal: AbortSignal): Promise<void>;
}

const retryMs = 500;
/**
 * How long the database lets a session be silent before it ends the session, in milliseconds. A living node asks much
 * more often. So when a node vanishes, its session and its lock end soon. PostgreSQL before version 14 lacks this
 * setting.
 */
const silenceMs = 5_000;

const settleSql = `
  select set_config(name, '${silenceMs}', false) from pg_settings where name = 'idle_session_timeout'`;
const lockSql = `select pg_advisory_lock_shared(${busLockSql}, hashtext($1))`;
const unlockSql = `select pg_advisory_unlock_shared(${busLockSql}, hashtext($1))`;
/**
 * Counts the locks that name another bus. In pg_locks, an advisory lock with two keys has the objsubid 2 and shows its
 * keys as unsigned numbers.
 */
const strangersSql = `
  select count(*)::int as count from pg_locks
  where locktype = 'advisory' and objsubid = 2 and granted
    and database = (select oid from pg_database where datname = current_database())
    and classid::bigint = ${busLockSql}::bigint & 4294967295
    and objid::bigint <> hashtext($1)::bigint & 4294967295`;

export function createSharedBus({ name, patienceMs }: BusChoice, logger: Logger): SharedBus {
  let joined = false;
  let waitingSince: number | undefined;

  /**
   * Takes the lock, and then counts the locks that name another bus. In this order, at least one of two nodes that
   * start at once sees the other.
   */
  async function lock(client: pg.Client): Promise<number> {
    await client.query(lockSql, [name]);
    const { rows } = await client.query<{ count: number }>(strangersSql, [name]);
    return rows[0]?.count ?? 0;
  }

  function wait(): void {
    if (waitingSince === undefined) {
      waitingSince = Date.now();
      logger.warn(
        { waitMs: patienceMs },
        "a node that does not share the bus of this one uses the database: waiting for its end",
      );
    }
    if (Date.now() - waitingSince < patienceMs) return;
    throw new PreparationError(
      "Another node uses this database and does not share a NATS with this one, so that events of one would not reach the " +
        "sockets of the other: set the same NATS_URL and NATS_SUBJECT_PREFIX for all nodes, or stop the other node.",
    );
  }

  return {
    async join(client, signal) {
      await client.query(settleSql);
      while ((await lock(client)) > 0) {
        if (joined) {
          logger.error(
            "a node that does not share the bus of this one uses the database: set the same NATS_URL for both",
          );
          return;
        }
        await client.query(unlockSql, [name]);
        wait();
        // The wait is random, so that two nodes that start at once do not meet again and again.
        await delay(retryMs * (0.5 + Math.random()), undefined, { signal });
      }
      joined = true;
    },
  };
}
