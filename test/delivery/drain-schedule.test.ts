/** The schedule of a shutdown: spread over its time, and never twice the mean, by a clock that the test owns. */

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { drainSchedule, shuffle } from "../../src/delivery/drain-schedule.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

interface Batch {
  readonly atMs: number;
  readonly size: number;
}

/** The batches of a whole drain. For `heldUpMs` the process does nothing, behind the first one. */
async function drain(count: number, overMs: number, heldUpMs = 0): Promise<Batch[]> {
  const start = performance.now();
  const batches: Batch[] = [];
  let gone = 0;
  let over = false;
  const draining = (async () => {
    for await (const due of drainSchedule(count, overMs)) {
      batches.push({ atMs: performance.now() - start, size: due - gone });
      gone = due;
      if (batches.length === 1) vi.advanceTimersByTime(heldUpMs);
    }
    over = true;
  })();
  while (!over) await vi.advanceTimersByTimeAsync(1);
  await draining;
  return batches;
}

/** The most that became due within any span of so long. */
function mostWithin(spanMs: number, batches: readonly Batch[]): number {
  let most = 0;
  for (const { atMs: from } of batches) {
    const within = batches.filter(({ atMs }) => atMs >= from && atMs < from + spanMs);
    most = Math.max(
      most,
      within.reduce((sum, { size }) => sum + size, 0),
    );
  }
  return most;
}

const total = (batches: readonly Batch[]): number => batches.reduce((sum, { size }) => sum + size, 0);
const end = (batches: readonly Batch[]): number => batches.at(-1)?.atMs ?? 0;

describe("the schedule of a drain", () => {
  it("has everyone go within its time, and uses nearly all of it", async () => {
    const batches = await drain(3_000, 10_000);
    expect(total(batches)).toBe(3_000);
    expect(batches).toHaveLength(200);
    expect(Math.max(...batches.map(({ size }) => size))).toBe(15);
    expect(end(batches)).toBeGreaterThan(9_900);
    expect(end(batches)).toBeLessThanOrEqual(10_030);
  });

  it("lets at least ten a second go, so that a handful takes no time", async () => {
    expect(end(await drain(1, 10_000))).toBeLessThanOrEqual(130);
    const batches = await drain(40, 300_000);
    expect(total(batches)).toBe(40);
    expect(end(batches)).toBeGreaterThan(3_900);
    expect(end(batches)).toBeLessThanOrEqual(4_030);
  });

  it("names no instant when there is no time or nobody", async () => {
    expect(await drain(100, 0)).toEqual([]);
    expect(await drain(0, 10_000)).toEqual([]);
  });

  it("stays under twice the mean in every span of a second or more, however many go over however long", async () => {
    const runs = fc.record({
      count: fc.integer({ min: 1, max: 5_000 }),
      overMs: fc.integer({ min: 1_000, max: 12_000 }),
    });
    await fc.assert(
      fc.asyncProperty(runs, async ({ count, overMs }) => {
        const batches = await drain(count, overMs);
        expect(total(batches)).toBe(count);
        const perSecond = Math.max(count / (overMs / 1000), 10);
        for (const seconds of [1, 1.5, 2, 5])
          expect(mostWithin(seconds * 1000, batches)).toBeLessThanOrEqual(1.3 * perSecond * seconds);
      }),
      { numRuns: 30 },
    );
  });

  it("is jittered: two drains share hardly an instant", async () => {
    const [a, b] = [await drain(3_000, 10_000), await drain(3_000, 10_000)];
    const instants = new Set(a.map(({ atMs }) => atMs));
    expect(b.filter(({ atMs }) => instants.has(atMs)).length).toBeLessThan(50);
  });

  it("makes good without a rush what a held up process has missed", async () => {
    const batches = await drain(3_000, 10_000, 3_000);
    expect(total(batches)).toBe(3_000);
    expect(mostWithin(1_000, batches)).toBeGreaterThan(450);
    expect(mostWithin(1_000, batches)).toBeLessThanOrEqual(1.8 * 300);
    expect(end(batches)).toBeLessThanOrEqual(10_030);
  });
});

it("shuffles without losing anyone, and every place is as likely", () => {
  const first = new Map<number, number>();
  for (let i = 0; i < 4_000; i++) {
    const items = shuffle([0, 1, 2, 3]);
    expect([...items].sort()).toEqual([0, 1, 2, 3]);
    first.set(items[0] as number, (first.get(items[0] as number) ?? 0) + 1);
  }
  for (const count of first.values()) expect(Math.abs(count - 1_000)).toBeLessThan(200);
  expect(first.size).toBe(4);
});
