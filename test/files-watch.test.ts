/** How often the open files are counted: as often as it costs little. */

import { pino } from "pino";
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { watchFiles } from "../src/machine/files-watch.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it.each([
  [1, 40],
  [40, 5],
])("a count that takes %i ms is made at most %i times in ten seconds", async (tookMs, most) => {
  let counts = 0;
  const watch = watchFiles({
    max: 1_000,
    count: () => {
      counts++;
      return new Promise((done) => setTimeout(() => done(1), tookMs));
    },
    onFull() {},
    onFree: async () => true,
    logger: pino({ level: "silent" }),
  });
  onTestFinished(watch.close);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(counts).toBeLessThanOrEqual(most);
  expect(counts).toBeGreaterThan(most * 0.7);
  watch.close();
  const before = counts;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(counts).toBe(before);
});
