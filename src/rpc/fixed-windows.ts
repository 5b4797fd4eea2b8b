/** Counts calls in fixed windows of 60 s from the first one, per bucket and key, wherever the counts are kept. */

import { type RateLimiterAbstract, RateLimiterRes } from "rate-limiter-flexible";
import { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import type { RateLimiter, RateLimits } from "./rate-limiter.js";

export const windowSeconds = 60;

/** What a limiter of the library is made of. */
export interface WindowOptions {
  readonly keyPrefix: string;
  readonly points: number;
  /** In seconds. */
  readonly duration: number;
}

/** What counts one bucket. */
type Counter = Pick<RateLimiterAbstract, "points" | "consume">;

/** `count` makes one. */
export function createFixedWindows(limits: RateLimits, count: (options: WindowOptions) => Counter): RateLimiter {
  const limiters = new Map<Bucket, Counter>();
  for (const [bucket, keyPrefix] of [
    [Bucket.GLOBAL, "global"],
    [Bucket.CREATE, "create"],
    [Bucket.PUBLISH, "publish"],
  ] as const) {
    const points = limits[keyPrefix];
    if (points > 0) limiters.set(bucket, count({ keyPrefix, points, duration: windowSeconds }));
  }

  return {
    isOn: (bucket) => limiters.has(bucket),

    async charge(bucket, key, points = 1) {
      const limiter = limiters.get(bucket);
      if (limiter === undefined) return undefined;
      const { result, refused } = await consume(limiter, key, points);
      const limit = limiter.points;
      return {
        granted: refused ? leftBefore(result, limit, points) : points,
        status: { limit, remaining: result.remainingPoints, reset: resetOf(result) },
      };
    },
  };
}

async function consume(limiter: Counter, key: string, points: number) {
  try {
    return { result: await limiter.consume(key, points), refused: false };
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return { result: refusal, refused: true };
    throw refusal;
  }
}

/**
 * What was left for a refused call. The library counts on beyond the limit. That charges nobody: the window ends when it
 * would have anyway. A key that is known to have used up its window is refused without a count.
 */
function leftBefore({ consumedPoints }: RateLimiterRes, limit: number, points: number): number {
  return consumedPoints === 0 ? 0 : Math.max(0, limit - (consumedPoints - points));
}

/** The library reckons with this node's clock. When that is set back, a window still ends after 60 s, by a timer. */
function resetOf({ msBeforeNext }: RateLimiterRes): number {
  return Math.ceil((Date.now() + Math.min(msBeforeNext, windowSeconds * 1000)) / 1000);
}
