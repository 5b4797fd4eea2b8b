/** What becomes of a delivery and of its webhook after an attempt. */

import { expect, it } from "vitest";
import type { WaitingDelivery } from "../../src/store/webhook-queue.js";
import type { AttemptCause, Outcome } from "../../src/webhooks/sender/outcome.js";
import { createRetrySchedule } from "../../src/webhooks/sender/retry-schedule.js";
import type { Attempt } from "../../src/webhooks/sender/sender.js";
import { type Condition, judge, type Verdict } from "../../src/webhooks/verdict.js";

const [second, minute, hour] = [1_000, 60_000, 3_600_000];
const { next } = createRetrySchedule([5, 30, 120], () => 0.5);
const fine: Condition = { failingSince: undefined, pausedUntil: 0, pauses: 0 };
const start = Date.UTC(2026, 10, 29);
const fresh: WaitingDelivery = {
  ...{ webhookId: "1", number: 1, attempts: 0, firstAt: undefined, dueAt: 0, bytes: 2, shared: false },
  event: {
    ...{ id: "0190a7c4-5d3e-7b2a-8c11-9d2f3a4b5c6d", instanceId: "", type: "call.update", time: start },
    ...{ data: Buffer.from("{}"), media: undefined, mediaAt: undefined, slot: undefined },
  },
};

function ended(outcome: Outcome, cause: AttemptCause, status: number | undefined): Attempt {
  return { outcome, cause, status, ms: 5, error: undefined, responseHead: undefined, retryAfterMs: undefined };
}
const delivered = ended("delivered", "delivered", 204);
const failed = ended("retry", "status_5xx", 500);
const paused = ended("pause", "status_403", 403);

/** An attempt that takes no time. */
function after(before: Pick<Verdict, "delivery" | "condition">, attempt: Attempt, at: number, ordered = true): Verdict {
  const rules = { failingMsMax: 120 * hour, retryIn: next };
  return judge(before.delivery, attempt, { at, now: at }, before.condition, ordered, rules);
}
const begin = { delivery: fresh, condition: fine };

it.each([true, false])("a webhook that pauses lets no delivery die, however often it pauses; ordered %s", (ordered) => {
  let verdict = after(begin, failed, start, ordered);
  for (let at = start; at < start + 100 * hour; at += hour) {
    verdict = after(verdict, paused, at, ordered);
    expect(verdict.state).toBe("waiting");
    expect(verdict.condition.pausedUntil).toBeGreaterThan(at);
    expect(verdict.disable).toBeUndefined();
  }
  // The delivery has its attempts and its whole time left.
  expect(verdict.delivery).toMatchObject({ attempts: 1, firstAt: undefined });
  expect(after(verdict, failed, start + 100 * hour, ordered).state).toBe("waiting");
});

it("the pauses follow the schedule, and the first other answer ends them", () => {
  let verdict = after(begin, paused, start);
  const waits: number[] = [];
  for (let pause = 0; pause < 4; pause++) {
    waits.push(verdict.condition.pausedUntil - start);
    verdict = after(verdict, paused, start);
  }
  expect(waits).toEqual([5 * second, 30 * second, 2 * minute, 2 * minute]);
  expect(after(verdict, failed, start).condition).toMatchObject({ pausedUntil: 0, pauses: 0 });
  expect(after(verdict, delivered, start).condition).toEqual(fine);
});

it("a refusal for good kills the delivery at once, and only 410 disables the webhook", () => {
  const dead = after(begin, ended("dead", "status_4xx", 422), start);
  expect([dead.state, dead.disable]).toEqual(["dead", undefined]);
  const gone = after(begin, ended("gone", "status_410", 410), start);
  expect([gone.state, gone.disable]).toEqual(["dead", "The receiver answered 410."]);
});

it.each([failed, paused, ended("refused", "address_refused", undefined)])(
  "five days without a success disable a webhook, and one success begins anew: $cause",
  (attempt) => {
    const since = { delivery: fresh, condition: { ...fine, failingSince: start } };
    expect(after(since, attempt, start + 120 * hour - 1).disable).toBeUndefined();
    expect(after(since, attempt, start + 120 * hour).disable).toContain("2026-11-29T00:00:00.000Z");
    const back = after(since, delivered, start + 119 * hour);
    expect(after({ ...back, delivery: fresh }, attempt, start + 121 * hour).disable).toBeUndefined();
  },
);
