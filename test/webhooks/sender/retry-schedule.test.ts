/** When a delivery that failed is tried again, and when it dies. */

import { describe, expect, it } from "vitest";
import { createRetrySchedule, type FailedDelivery } from "../../../src/webhooks/sender/retry-schedule.js";

const seconds = [5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 36_000];
const totalMs = 99_755_000;
/** The delays as they are listed, neither longer nor shorter. */
const exact = createRetrySchedule(seconds, () => 0.5);

function failed(other: Partial<FailedDelivery>): FailedDelivery {
  return { attempts: 1, sinceFirstMs: 0, ordered: false, pausing: false, retryAfterMs: undefined, ...other };
}

/** The attempts of a delivery whose attempts fail at once, until it dies: when each comes, in milliseconds. */
function attemptsOf(schedule: ReturnType<typeof createRetrySchedule>, ordered: boolean): number[] {
  const times = [0];
  for (;;) {
    const sinceFirstMs = times.at(-1) ?? 0;
    const delay = schedule.next(failed({ attempts: times.length, sinceFirstMs, ordered }));
    if (delay === undefined) return times;
    times.push(sinceFirstMs + delay);
  }
}

describe("an unordered delivery", () => {
  it("is tried again after each listed delay, and dies with the attempt after the last", () => {
    const times = attemptsOf(exact, false);
    expect(times.slice(1).map((time, index) => (time - (times[index] ?? 0)) / 1000)).toEqual(seconds);
    expect(times.at(-1)).toBe(totalMs);
  });

  it("waits up to a fifth more or less than listed", () => {
    const [short, long] = [createRetrySchedule(seconds, () => 0), createRetrySchedule(seconds, () => 1)];
    expect([short.next(failed({})), long.next(failed({}))]).toEqual([4000, 6000]);
    const spread = Array.from({ length: 1000 }, () => createRetrySchedule([10]).next(failed({})) ?? 0);
    expect(Math.min(...spread)).toBeGreaterThanOrEqual(8000);
    expect(Math.max(...spread)).toBeLessThanOrEqual(12_000);
    expect(new Set(spread).size).toBeGreaterThan(500);
  });
});

describe("an ordered delivery", () => {
  it("waits ten minutes at most, and dies after the same total time", () => {
    const times = attemptsOf(exact, true);
    const delays = times.slice(1).map((time, index) => (time - (times[index] ?? 0)) / 1000);
    expect(delays.slice(0, 6)).toEqual([5, 30, 120, 600, 600, 600]);
    expect(Math.max(...delays)).toBe(600);
    expect(times.at(-1)).toBe(totalMs);
  });

  it("dies at the same time however its delays fall", () => {
    for (const random of [() => 0, () => 1, Math.random])
      expect(attemptsOf(createRetrySchedule(seconds, random), true).at(-1)).toBe(totalMs);
  });

  it("keeps to a list that is shorter than ten minutes", () => {
    expect(
      attemptsOf(
        createRetrySchedule([1, 2], () => 0.5),
        true,
      ),
    ).toEqual([0, 1000, 3000]);
  });

  it("dies when an attempt ended after the total time", () => {
    expect(exact.next(failed({ ordered: true, attempts: 3, sinceFirstMs: totalMs + 1 }))).toBeUndefined();
  });
});

describe("a delivery whose webhook pauses", () => {
  it.each([
    { ordered: false, delay: 36_000_000 },
    { ordered: true, delay: 600_000 },
  ])("never dies: ordered $ordered, it is tried every $delay ms at last", ({ ordered, delay }) => {
    for (const attempts of [9, 10, 11, 1000])
      expect(exact.next(failed({ ordered, attempts, sinceFirstMs: 2 * totalMs, pausing: true }))).toBe(delay);
  });
});

describe("Retry-After", () => {
  it("makes a delay longer, never shorter", () => {
    expect(exact.next(failed({ retryAfterMs: 60_000 }))).toBe(60_000);
    expect(exact.next(failed({ retryAfterMs: 1000 }))).toBe(5000);
    expect(exact.next(failed({ attempts: 4, retryAfterMs: 3_600_000 }))).toBe(3_600_000);
  });

  it("holds for an ordered delivery too, also when its time is nearly over", () => {
    const nearEnd = { ordered: true, attempts: 50, sinceFirstMs: totalMs - 1000 };
    expect(exact.next(failed({ ...nearEnd, retryAfterMs: 3_600_000 }))).toBe(3_600_000);
    expect(exact.next(failed(nearEnd))).toBe(1000);
  });

  it("does not keep a delivery alive", () => {
    expect(exact.next(failed({ attempts: 10, retryAfterMs: 1000 }))).toBeUndefined();
  });
});
