/**
 * The rate limiter that all nodes share. It counts calls in the database, with one statement per call at most. While
 * the database is away, every node counts for itself.
 */

import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import type { RateCounters } from "../../store/store.js";
import { createFixedWindows, windowSeconds } from "./fixed-windows.js";
import type { RateLimiter, RateLimits } from "./rate-limiter.js";

/**
 * Most keys that are remembered because they have used up their window. When there would be more, the keys whose window
 * has ended are removed. If none has ended, the new key is not remembered.
 */
const spentMax = 10_000;

export function createClusterRateLimiter(limits: RateLimits, counters: RateCounters): RateLimiter {
  return createFixedWindows(limits, (options) => {
    const { keyPrefix, points: limit } = options;
    const alone = new RateLimiterMemory(options);
    /**
     * By key: when the window ends that the key has used up, in milliseconds on the clock of `performance.now()`, which
     * nobody can set.
     */
    const spent = new Map<string, number>();

    function remember(key: string, leftMs: number): void {
      const now = performance.now();
      if (spent.size >= spentMax) for (const [other, until] of spent) if (until <= now) spent.delete(other);
      if (spent.size < spentMax) spent.set(key, now + leftMs);
    }

    async function consume(key: string, points: number): Promise<RateLimiterRes> {
      // A caller that goes on calling beyond its limit is refused from memory, so its calls cost the database nothing.
      const spentMs = (spent.get(key) ?? 0) - performance.now();
      if (spentMs > 0) throw new RateLimiterRes(0, spentMs);
      const counted = await counters.count(`${keyPrefix}:${key}`, points, windowSeconds * 1000).catch(() => undefined);
      if (counted === undefined) return alone.consume(key, points);
      if (counted.points >= limit) remember(key, counted.leftMs);
      const result = new RateLimiterRes(Math.max(0, limit - counted.points), counted.leftMs, counted.points);
      if (counted.points > limit) throw result;
      return result;
    }

    return { points: limit, consume: (key, points = 1) => consume(String(key), points) };
  });
}
