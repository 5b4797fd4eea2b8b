/** All nodes count together, in the database: one statement per call. Without it every node counts for itself. */

import { RateLimiterMemory, RateLimiterPostgres } from "rate-limiter-flexible";
import type { RateCounters } from "../store/store.js";
import { createFixedWindows } from "./fixed-windows.js";
import type { RateLimiter, RateLimits } from "./rate-limiter.js";

/** Windows begin and end by the clocks of the nodes: a clock that is ahead ends them earlier for all. */
export function createClusterRateLimiter(limits: RateLimits, counters: RateCounters): RateLimiter {
  return createFixedWindows(
    limits,
    (options) =>
      new RateLimiterPostgres({
        ...options,
        storeClient: counters,
        storeType: "client",
        tableName: counters.table,
        tableCreated: true,
        clearExpiredByTimeout: false,
        // A caller that hammers on beyond its limit costs the database nothing.
        inMemoryBlockOnConsumed: options.points,
        insuranceLimiter: new RateLimiterMemory(options),
      }),
  );
}
