/** Counts calls in fixed windows of 60 s from the first one, per bucket and key. */

import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import type { RateStatus } from "./api.js";

const windowSeconds = 60;

/** Calls a minute; 0 switches a bucket off. */
export interface RateLimits {
  readonly global: number;
  readonly create: number;
  readonly publish: number;
}

export interface Charge {
  /** How many of the points were left: all of them, or the call is refused. */
  readonly granted: number;
  readonly status: RateStatus;
}

export interface RateLimiter {
  isOn(bucket: Bucket): boolean;
  /** Undefined where the bucket is off. 0 points look without charging. */
  charge(bucket: Bucket, key: string, points?: number): Promise<Charge | undefined>;
}

export function createRateLimiter(limits: RateLimits): RateLimiter {
  const limiters = new Map<Bucket, RateLimiterMemory>();
  for (const [bucket, points] of [
    [Bucket.GLOBAL, limits.global],
    [Bucket.CREATE, limits.create],
    [Bucket.PUBLISH, limits.publish],
  ] as const)
    if (points > 0) limiters.set(bucket, new RateLimiterMemory({ points, duration: windowSeconds }));

  return {
    isOn: (bucket) => limiters.has(bucket),

    async charge(bucket, key, points = 1) {
      const limiter = limiters.get(bucket);
      if (limiter === undefined) return undefined;
      const result = await consume(limiter, key, points);
      const limit = limiter.points;
      // The library counts on beyond the limit. That charges nobody: the window ends when it would have anyway.
      const left = limit - (result.consumedPoints - points);
      return {
        granted: Math.max(0, Math.min(points, left)),
        status: { limit, remaining: result.remainingPoints, reset: resetOf(result) },
      };
    },
  };
}

async function consume(limiter: RateLimiterMemory, key: string, points: number): Promise<RateLimiterRes> {
  try {
    return await limiter.consume(key, points);
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return refusal;
    throw refusal;
  }
}

function resetOf(result: RateLimiterRes): number {
  return Math.ceil((Date.now() + result.msBeforeNext) / 1000);
}
