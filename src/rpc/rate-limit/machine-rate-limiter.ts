/**
 * The rate limiter of all workers of a machine together. It counts in the memory of the primary process, with one
 * message each way per call.
 */

import { RateLimiterCluster, RateLimiterClusterMaster, RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { createFixedWindows } from "./fixed-windows.js";
import type { RateLimiter, RateLimits } from "./rate-limiter.js";

/** When the primary does not answer in time, because the machine is overloaded, calls must go on. */
const answerMsMax = 1_000;

/** The limiter of a worker. While the primary does not answer, the worker counts for itself. */
export function createMachineRateLimiter(limits: RateLimits): RateLimiter {
  return createFixedWindows(limits, (options) => {
    const together = new RateLimiterCluster({ ...options, timeoutMs: answerMsMax });
    const alone = new RateLimiterMemory(options);
    return {
      points: options.points,
      consume: (key, points) =>
        together.consume(key, points).catch((refusal: unknown) => {
          if (refusal instanceof RateLimiterRes) throw refusal;
          return alone.consume(key, points);
        }),
    };
  });
}

/** Starts the counting in the primary. */
export function countForWorkers(): void {
  new RateLimiterClusterMaster();
}
