/**
 * All nodes on one database must share one bus: others would deliver to half of the sockets, and nobody would be told. So
 * each node holds a lock in the database that names its bus, and none starts while there is a lock of another name.
 */

import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import type { Logger } from "pino";
import { busLockSql } from "./channel.js";
import { PreparationError } from "./preparation.js";

export interface BusChoice {
  /** The name of the bus. Nodes that get each other's events have the same name. */
  readonly name: string;
  /** How long a start waits for nodes with another bus to end: a predecessor may still be stopping. */
  readonly patienceMs: number;
}

export interface SharedBus {
  /**
   * On the connection that follows the changes, each time that it is made anew; it must be a session. Until the first time
   * resolves, it waits, and then rejects with PreparationError, while there are nodes with another bus. Later it only logs
   * that there are: a node that serves is not ended by one that should not have started.
   */
  join(client: pg.Client, signal: AbortSignal): Promise<void>;
}

const retryMs = 500;
/**
 * How long the database lets a session be silent. A node asks much more often. So the session and the lock of a node
 * that vanished soon end.
 */
const silenceMs = 5_000;

const settleSql = `
  select set_config(name, '${silenceMs}', false) from pg_settings where name = 'idle_session_timeout'`;
const lockSql = `select pg_advisory_lock_shared(${busLockSql}, hashtext($1))`;
const unlockSql = `select pg_advisory_unlock_shared(${busLockSql}, hashtext($1))`;
/** Locks with two keys have objsubid 2, and show the keys as unsigned numbers. */
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
   * The lock is taken before the node looks for others. So when two nodes start at once, at least one sees the other.
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
