/** All workers of a machine count together, in the memory of the primary process: one message each way per call. */

import { RateLimiterCluster, RateLimiterClusterMaster, RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { createFixedWindows } from "./fixed-windows.js";
import type { RateLimiter, RateLimits } from "./rate-limiter.js";

/** A primary that does not answer in time, because the machine is overloaded, must not stop the calls. */
const answerMsMax = 1_000;

/** For a worker. While the primary does not answer, every worker counts for itself. */
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

/** For the primary: from now on it counts. */
export function countForWorkers(): void {
  new RateLimiterClusterMaster();
}
