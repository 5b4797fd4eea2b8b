/** Log lines that clients cause cannot flood the log. */

import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { BoundedLog } from "../src/observability/bounded-log.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout"] }));
afterEach(() => void vi.useRealTimers());

function boundedLog() {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ base: null, timestamp: false }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { log: new BoundedLog(logger), lines };
}

it("writes twenty lines of a kind within a second, and then how many were left out", () => {
  const { log, lines } = boundedLog();
  for (let n = 0; n < 50; n++) log.info("refused", { n });
  expect(lines.map(({ msg, n }) => [msg, n])).toEqual(Array.from({ length: 20 }, (_, n) => ["refused", n]));
  vi.advanceTimersByTime(999);
  expect(lines).toHaveLength(20);
  vi.advanceTimersByTime(1);
  expect(lines.slice(20)).toEqual([{ level: 30, leftOut: 30, msg: "refused: lines left out" }]);
});

it("says nothing of lines left out when none were, and begins anew after a second", () => {
  const { log, lines } = boundedLog();
  for (let second = 0; second < 3; second++) {
    for (let n = 0; n < 20; n++) log.info("refused", { n });
    vi.advanceTimersByTime(1_000);
  }
  expect(lines).toHaveLength(60);
});

it("counts each kind for itself", () => {
  const { log, lines } = boundedLog();
  for (let n = 0; n < 30; n++) log.info("refused", { n });
  log.info("closed", { code: 4008 });
  expect(lines).toHaveLength(21);
  expect(lines[20]).toMatchObject({ msg: "closed", code: 4008 });
});
