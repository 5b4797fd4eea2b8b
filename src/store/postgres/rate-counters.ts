/** Counts calls in the database, for all nodes together. While the database is away, each count fails at once. */

import type { Logger } from "pino";
import type { RateCounters } from "../store.js";
import { createAvailability } from "./availability.js";
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
  const availability = createAvailability({
    logger,
    failure: "calls cannot be counted in the database: this node counts them alone",
    success: "calls are counted in the database again",
    attempt: () => pool.query("delete from rate_counter where false"),
  });
  let rejected = 0;

  return {
    get rejected() {
      return rejected;
    },

    async count(key, points, windowMs) {
      try {
        return await availability.run(async () => {
          sweeper.sweepIfDue();
          const { rows } = await pool.query<Window>({ ...count, values: [key, points, windowMs] });
          return rows[0] as Window;
        });
      } catch (error) {
        rejected++;
        throw error;
      }
    },

    async close() {
      availability.close();
      await pool.end();
    },
  };
}
