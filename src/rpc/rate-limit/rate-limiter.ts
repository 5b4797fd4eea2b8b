/** The interface of the rate limiters. The files `…-rate-limiter.ts` implement it. */

import type { Bucket } from "../../../gen/eventwire/v1/policy_pb.js";
import type { RateStatus } from "../api.js";

/**
 * How many calls a caller may make per minute, by bucket; `publish` counts events. 0 switches the bucket off, which
 * means no limit.
 */
export interface RateLimits {
  readonly global: number;
  readonly create: number;
  readonly publish: number;
}

export interface Charge {
  /**
   * How many of the points that were asked for were granted. The call, or the part of a batch, without points is
   * refused.
   */
  readonly granted: number;
  readonly status: RateStatus;
}

export interface RateLimiter {
  /** Whether the bucket has a limit. */
  isOn(bucket: Bucket): boolean;
  /**
   * Charges points to a key: one for each call or event, and 1 by default. With 0 points, only reads the state of the
   * key. Resolves with undefined when the bucket is off. Never rejects.
   */
  charge(bucket: Bucket, key: string, points?: number): Promise<Charge | undefined>;
}
