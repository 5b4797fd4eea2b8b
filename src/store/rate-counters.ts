/** Counts calls for all nodes together, and says at once when it can not: whoever is counted does not wait for a database. */

import type { Logger } from "pino";
import { connectionConfig, createPool } from "./pool.js";
import { createAttempts } from "./retrying.js";
import type { RateCounters } from "./store.js";

/** Apart from the connections of the control plane: thousands of upgrades at once must not make a configuration wait. */
const connectionsMax = 4;
/** For a free connection, and again for the statement. */
const waitMsMax = 1_000;
/** As long as a window: one that ended that long ago ended by every node's clock. */
const sweepEveryMs = 60_000;
/** So many rows in one statement, so that each ends in time. */
const sweepRowsMax = 10_000;

const table = "rate_counter";

export function createRateCounters({ url, logger }: { url: string; logger: Logger }): RateCounters & {
  close(): Promise<void>;
} {
  const config = { ...connectionConfig(url, "eventwire rates"), connectionTimeoutMillis: waitMsMax };
  const pool = createPool({ ...config, max: connectionsMax, query_timeout: waitMsMax }, logger, waitMsMax);
  const closing = new AbortController();
  const attempts = createAttempts({
    logger,
    failure: "calls can not be counted in the database: this node counts them alone",
    success: "calls are counted in the database again",
    signal: closing.signal,
  });
  let away: unknown;
  let returns = 0;
  let rejected = 0;
  let sweptAt = Date.now();

  /** Until a statement that writes to the table succeeds: reading would not tell a database that has become read-only. */
  async function comeBack(): Promise<void> {
    while (away !== undefined && !closing.signal.aborted) {
      await attempts.failed(away);
      away = await pool.query(`delete from ${table} where false`).then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    returns++;
    if (!closing.signal.aborted) attempts.succeeded();
  }

  async function sweep(): Promise<void> {
    sweptAt = Date.now();
    const ended = `select ctid from ${table} where expire < $1 limit ${sweepRowsMax}`;
    const statement = {
      text: `delete from ${table} where ctid = any(array(${ended}))`,
      values: [sweptAt - sweepEveryMs],
    };
    while ((await pool.query(statement)).rowCount === sweepRowsMax);
  }

  return {
    table,

    get rejected() {
      return rejected;
    },

    async query(statement) {
      const asked = returns;
      try {
        if (away !== undefined) throw away;
        if (Date.now() - sweptAt >= sweepEveryMs)
          sweep().catch((error: unknown) => logger.debug({ err: error }, "ended windows were not removed"));
        return await pool.query(statement);
      } catch (error) {
        rejected++;
        // What was asked before the database came back says nothing of now.
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
