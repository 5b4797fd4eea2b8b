/** Chooses the rate limiter of a node: it counts in the node, in the primary process, or in the database. */

import { createClusterRateLimiter } from "./rpc/rate-limit/cluster-rate-limiter.js";
import { createMachineRateLimiter } from "./rpc/rate-limit/machine-rate-limiter.js";
import { createNodeRateLimiter } from "./rpc/rate-limit/node-rate-limiter.js";
import type { RateLimiter } from "./rpc/rate-limit/rate-limiter.js";
import type { Settings } from "./settings/settings.js";
import type { RateCounters } from "./store/store.js";
import type { Parent } from "./workers/parent.js";

export function chooseRateLimiter(settings: Settings, counters: RateCounters, parent: Parent | undefined): RateLimiter {
  const { rateLimitGlobal, rateLimitCreate: create, rateLimitPublish: publish } = settings;
  const limits = { global: rateLimitGlobal, create, publish };
  if (settings.rateLimitScope === "cluster") return createClusterRateLimiter(limits, counters);
  return parent === undefined ? createNodeRateLimiter(limits) : createMachineRateLimiter(limits);
}
