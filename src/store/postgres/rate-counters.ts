/**
 * Counts calls in the database, for all nodes together. After a failed count the database counts as away: each count
 * then fails at once, so that no caller waits, until a trial write succeeds.
 */

import type { Logger } from "pino";
import type { RateCounters } from "../store.js";
import { createBackoff } from "./backoff.js";
import { connectionConfig, createPool, type IsSession } from "./pool.js";
import { createSweeper, sweepEveryMs } from "./sweeper.js";

/**
 * Number of connections for counting calls. The control plane has connections of its own, so that thousands of upgrades
 * at once do not make a configuration call wait.
 */
const connectionsMax = 4;
/** Longest wait for a free connection, in milliseconds. The statement may take as long again. */
const waitMsMax = 1_000;
type Window = Awaited<ReturnType<RateCounters["count"]>>;

/**
 * SQL for the time by the database's clock, in milliseconds since 1970. The clocks of the nodes differ, and any of them
 * may be set back.
 */
const nowMs = "(extract(epoch from statement_timestamp()) * 1000)::bigint";
/**
 * Two statements may reach the table in another order than they began. Their times then differ by at most this much, in
 * milliseconds.
 */
const disorderMs = 2 * waitMsMax;

const count = {
  name: "count",
  // `excluded.expire` is the end of a window that begins now. A stored window that ends much later began before the
  // clock was set back, and is counted anew.
  text: `
    insert into rate_counter as counter (key, points, expire) values ($1, $2, ${nowMs} + $3::bigint)
    on conflict (key) do update set
      points = case
        when counter.expire <= excluded.expire - $3::bigint or counter.expire > excluded.expire + ${disorderMs}
        then excluded.points else counter.points + excluded.points end,
      expire = case
        when counter.expire <= excluded.expire - $3::bigint
        then excluded.expire else least(counter.expire, excluded.expire) end
    returning points, greatest(expire - ${nowMs}, 0)::int as "leftMs"`,
};

export function createRateCounters({
  url,
  logger,
  isSession,
}: {
  url: string;
  logger: Logger;
  isSession: IsSession;
}): RateCounters & { close(): Promise<void> } {
  const config = { ...connectionConfig(url, "eventwire rates"), connectionTimeoutMillis: waitMsMax };
  const pool = createPool({ ...config, max: connectionsMax, query_timeout: waitMsMax }, logger, waitMsMax, isSession);
  const ended = `expire < ${nowMs} - ${sweepEveryMs}`;
  const sweeper = createSweeper({ pool, table: "rate_counter", ended, logger });
  const closing = new AbortController();
  const attempts = createBackoff({
    logger,
    failure: "calls cannot be counted in the database: this node counts them alone",
    success: "calls are counted in the database again",
    signal: closing.signal,
  });
  let away: unknown;
  let returns = 0;
  let rejected = 0;

  /**
   * Waits until the database takes writes again. The test is a statement that writes, because a read would also succeed
   * in a database that has become read-only.
   */
  async function comeBack(): Promise<void> {
    while (away !== undefined && !closing.signal.aborted) {
      await attempts.failed(away);
      away = await pool.query("delete from rate_counter where false").then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    returns++;
    if (!closing.signal.aborted) attempts.succeeded();
  }

  return {
    get rejected() {
      return rejected;
    },

    async count(key, points, windowMs) {
      const asked = returns;
      try {
        if (away !== undefined) throw away;
        sweeper.sweepIfDue();
        const { rows } = await pool.query<Window>({ ...count, values: [key, points, windowMs] });
        return rows[0] as Window;
      } catch (error) {
        rejected++;
        // A call that began before the database came back may fail late. Such a failure says nothing about the database
        // now.
        if (away === undefined && asked === returns && !closing.signal.aborted) {
          away = error;
          void comeBack();
        }
        throw error;
      }
    },

    async close() {
      closing.abort();
      await pool.end();
    },
  };
}
