/** The rate limiter of one node, which counts calls in its own memory. */

import { RateLimiterMemory } from "rate-limiter-flexible";
import { createFixedWindows } from "./fixed-windows.js";
import type { RateLimiter, RateLimits } from "./rate-limiter.js";

export function createNodeRateLimiter(limits: RateLimits): RateLimiter {
  return createFixedWindows(limits, (options) => new RateLimiterMemory(options));
}
