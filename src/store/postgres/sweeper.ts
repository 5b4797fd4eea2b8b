/** Removes the rows of a table that have ended, a bounded number with each statement. */

import type pg from "pg";
import type { Logger } from "pino";

/** Shortest time between two sweeps of one process, in milliseconds. */
export const sweepEveryMs = 60_000;
/** Most rows that one statement deletes, so that the statement ends in time. */
const rowsMax = 10_000;

export interface SweeperOptions {
  readonly pool: pg.Pool;
  readonly table: string;
  /** The SQL condition of a row that has ended. */
  readonly ended: string;
  readonly logger: Logger;
}

export interface Sweeper {
  /** Call this when the table is used. Begins a sweep when the last one is a minute old, and waits for nothing. */
  sweepIfDue(): void;
}

/** The first sweep begins a minute after the creation. The rows of a table that nobody uses any more stay. */
export function createSweeper({ pool, table, ended, logger }: SweeperOptions): Sweeper {
  // Other nodes may sweep at the same time. No statement waits for the rows of another one.
  const found = `select ctid from ${table} where ${ended} limit ${rowsMax} for update skip locked`;
  const statement = `delete from ${table} where ctid = any(array(${found}))`;
  let sweptAt = performance.now();

  async function sweep(): Promise<void> {
    while ((await pool.query(statement)).rowCount === rowsMax);
  }

  return {
    sweepIfDue() {
      if (performance.now() - sweptAt < sweepEveryMs) return;
      sweptAt = performance.now();
      sweep().catch((error: unknown) => logger.debug({ err: error, table }, "ended rows were not removed"));
    },
  };
}
