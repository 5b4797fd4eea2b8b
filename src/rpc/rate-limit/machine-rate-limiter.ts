/**
 * The rate limiter that all workers of a machine share. It counts calls in the memory of the primary process. Each call
 * costs one message to the primary process and one back.
 */

import { RateLimiterCluster, RateLimiterClusterMaster, RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { createFixedWindows } from "./fixed-windows.js";
import type { RateLimiter, RateLimits } from "./rate-limiter.js";

/**
 * How long a worker waits for the answer of the primary process, in milliseconds. After that the worker counts the call
 * itself, because calls must go on when the machine is overloaded.
 */
const answerMsMax = 1_000;

/** Creates the rate limiter of a worker. While the primary process does not answer, the worker counts for itself. */
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

/** Starts the counting for all workers. Call this function in the primary process. */
export function countForWorkers(): void {
  new RateLimiterClusterMaster();
}
