/**
 * Counts calls in fixed windows of 60 s, for each bucket and each key. A window begins with its first call. Each rate
 * limiter decides where the counts are kept.
 */

import { type RateLimiterAbstract, RateLimiterRes } from "rate-limiter-flexible";
import { Bucket } from "../../../gen/eventwire/v1/policy_pb.js";
import type { RateLimiter, RateLimits } from "./rate-limiter.js";

export const windowSeconds = 60;

/** The options of a limiter of the library rate-limiter-flexible. */
export interface WindowOptions {
  readonly keyPrefix: string;
  readonly points: number;
  /** The length of a window, in seconds. */
  readonly duration: number;
}

/** The counter of one bucket: the two members of a limiter of rate-limiter-flexible that are used here. */
type Counter = Pick<RateLimiterAbstract, "points" | "consume">;

/**
 * Creates a rate limiter. `count` creates the counter of one bucket. A bucket whose limit is 0 is off and gets no
 * counter.
 */
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
 * Returns how many points a refused call had left. The library rate-limiter-flexible counts on beyond the limit, but
 * the window does not get longer. A key that is known to have used up its window is refused without a count, and has 0
 * points left.
 */
function leftBefore({ consumedPoints }: RateLimiterRes, limit: number, points: number): number {
  return consumedPoints === 0 ? 0 : Math.max(0, limit - (consumedPoints - points));
}

/**
 * Returns the Unix time, in seconds, at which the window ends: at most 60 s from now. The library rate-limiter-flexible
 * uses the clock of this node. When somebody sets that clock back, the library names a later end, but a timer still
 * ends the window after 60 s.
 */
function resetOf({ msBeforeNext }: RateLimiterRes): number {
  return Math.ceil((Date.now() + Math.min(msBeforeNext, windowSeconds * 1000)) / 1000);
}
