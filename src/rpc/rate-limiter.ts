/** How often a caller may: the port. `node-rate-limiter.ts` and `cluster-rate-limiter.ts` implement it. */

import type { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import type { RateStatus } from "./api.js";

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
  /** Undefined where the bucket is off. 0 points look without charging. Never rejects. */
  charge(bucket: Bucket, key: string, points?: number): Promise<Charge | undefined>;
}
