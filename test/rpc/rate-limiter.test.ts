/** Fixed windows of 60 s. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import { createRateLimiter } from "../../src/rpc/rate-limiter.js";

const start = 1_700_000_000_500;

beforeEach(() => void vi.useFakeTimers({ now: start }));
afterEach(() => void vi.useRealTimers());

describe("the rate limiter", () => {
  it("counts down within a window that begins with the first call and resets at a whole second", async () => {
    const limiter = createRateLimiter({ global: 3, create: 20, publish: 0 });
    const reset = 1_700_000_061;
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toEqual({ granted: 1, status: { limit: 3, remaining: 2, reset } });
    vi.advanceTimersByTime(59_999);
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toEqual({ granted: 1, status: { limit: 3, remaining: 1, reset } });
    vi.advanceTimersByTime(1);
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toEqual({
      granted: 1,
      status: { limit: 3, remaining: 2, reset: reset + 60 },
    });
  });

  it("refuses beyond the limit without making the window longer", async () => {
    const limiter = createRateLimiter({ global: 2, create: 0, publish: 0 });
    const reset = 1_700_000_061;
    await limiter.charge(Bucket.GLOBAL, "a");
    await limiter.charge(Bucket.GLOBAL, "a");
    for (let call = 0; call < 5; call++) {
      vi.advanceTimersByTime(10_000);
      expect(await limiter.charge(Bucket.GLOBAL, "a")).toEqual({
        granted: 0,
        status: { limit: 2, remaining: 0, reset },
      });
    }
    vi.advanceTimersByTime(10_000);
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toMatchObject({ granted: 1, status: { remaining: 1 } });
  });

  it("grants what is left of several points", async () => {
    const limiter = createRateLimiter({ global: 0, create: 0, publish: 10 });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 7)).toMatchObject({ granted: 7, status: { remaining: 3 } });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 7)).toMatchObject({ granted: 3, status: { remaining: 0 } });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 7)).toMatchObject({ granted: 0, status: { remaining: 0 } });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 0)).toMatchObject({ granted: 0, status: { remaining: 0 } });
  });

  it("looks without charging", async () => {
    const limiter = createRateLimiter({ global: 0, create: 0, publish: 10 });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 0)).toMatchObject({ granted: 0, status: { remaining: 10 } });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 10)).toMatchObject({ granted: 10 });
  });

  it("keeps keys and buckets apart", async () => {
    const limiter = createRateLimiter({ global: 1, create: 1, publish: 1 });
    await limiter.charge(Bucket.GLOBAL, "a");
    expect(await limiter.charge(Bucket.GLOBAL, "b")).toMatchObject({ granted: 1 });
    expect(await limiter.charge(Bucket.CREATE, "a")).toMatchObject({ granted: 1 });
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toMatchObject({ granted: 0 });
  });

  it("is off for a limit of 0 and for no bucket", async () => {
    const limiter = createRateLimiter({ global: 0, create: 20, publish: 0 });
    expect(limiter.isOn(Bucket.GLOBAL)).toBe(false);
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toBeUndefined();
    expect(await limiter.charge(Bucket.UNSPECIFIED, "a")).toBeUndefined();
  });
});
