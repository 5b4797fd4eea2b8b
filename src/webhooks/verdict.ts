/** Decides after an attempt what becomes of the delivery and of its webhook. */

import type { AttemptRecord, LeasedWebhook, WaitingDelivery } from "../store/webhook-queue.js";
import type { FailedDelivery } from "./sender/retry-schedule.js";
import type { Attempt } from "./sender/sender.js";

/** How a webhook is doing. */
export interface Condition {
  /** Since when every attempt has failed, in milliseconds since 1970. Undefined while attempts succeed. */
  readonly failingSince: number | undefined;
  /** Until when no request is sent, in milliseconds since 1970. 0 when the webhook is not paused. */
  readonly pausedUntil: number;
  /** Number of pauses in a row. */
  readonly pauses: number;
}

export interface Verdict {
  readonly state: "waiting" | "delivered" | "dead";
  /** The delivery as it is after the attempt. */
  readonly delivery: WaitingDelivery;
  readonly condition: Condition;
  /** Why the webhook must be disabled, as a sentence for its owner. Undefined when it goes on. */
  readonly disable: string | undefined;
}

export interface Rules {
  /** How long a webhook may fail before it is disabled, in milliseconds. */
  readonly failingMsMax: number;
  /** Time until the next attempt, in milliseconds. Undefined when the delivery dies. */
  retryIn(delivery: FailedDelivery): number | undefined;
}

/** `at` is when the attempt began, `now` when it ended, both in milliseconds since 1970. */
export function judge(
  delivery: WaitingDelivery,
  attempt: Attempt,
  { at, now }: { at: number; now: number },
  before: Condition,
  ordered: boolean,
  { failingMsMax, retryIn }: Rules,
): Verdict {
  const { outcome, retryAfterMs } = attempt;
  const failingSince = outcome === "delivered" ? undefined : (before.failingSince ?? at);
  const disable = reason(attempt, failingSince, now, failingMsMax);
  const attempts = delivery.attempts + 1;
  const firstAt = delivery.firstAt ?? at;
  const fine = { failingSince, pausedUntil: 0, pauses: 0 };
  if (outcome === "delivered" || outcome === "dead" || outcome === "gone") {
    const state = outcome === "delivered" ? "delivered" : "dead";
    return { state, delivery: { ...delivery, attempts, firstAt, dueAt: 0 }, condition: fine, disable };
  }
  const sinceFirstMs = now - firstAt;
  if (outcome === "pause") {
    const pauses = before.pauses + 1;
    const wait = retryIn({ attempts: pauses, sinceFirstMs, ordered, pausing: true, retryAfterMs }) ?? 0;
    const pausedUntil = now + wait;
    // A pause is not the fault of the delivery, so it takes none of its attempts and none of its time.
    const next = { ...delivery, firstAt: undefined, dueAt: pausedUntil };
    return { state: "waiting", delivery: next, condition: { failingSince, pausedUntil, pauses }, disable };
  }
  const wait = retryIn({ attempts, sinceFirstMs, ordered, pausing: false, retryAfterMs });
  const state = wait === undefined ? "dead" : "waiting";
  const dueAt = wait === undefined ? 0 : now + wait;
  return { state, delivery: { ...delivery, attempts, firstAt, dueAt }, condition: fine, disable };
}

/**
 * What becomes of a delivery whose attempt failed after its webhook was changed. The attempt says nothing of the webhook
 * as it is now, so the delivery is tried again at once.
 */
export function undecided(delivery: WaitingDelivery, at: number, { failingSince }: Condition): Verdict {
  const { attempts, firstAt = at } = delivery;
  return {
    state: "waiting",
    delivery: { ...delivery, attempts: attempts + 1, firstAt, dueAt: at },
    condition: { failingSince, pausedUntil: 0, pauses: 0 },
    disable: undefined,
  };
}

/**
 * The record of an attempt that began at `at`. `tried` is the delivery as it was before. The fields are copied one by
 * one, because spreads of objects took a quarter of the CPU of a delivery.
 */
export function recordOf(
  { id, node }: LeasedWebhook,
  tried: WaitingDelivery,
  at: number,
  attempt: Attempt,
  { state, delivery, condition }: Verdict,
): AttemptRecord {
  return {
    webhookId: id,
    node,
    number: tried.number,
    eventId: tried.event.id,
    bytes: tried.bytes,
    shared: tried.shared,
    state,
    attempts: delivery.attempts,
    at,
    firstAt: delivery.firstAt ?? 0,
    dueAt: delivery.dueAt,
    status: attempt.status,
    ms: attempt.ms,
    error: attempt.error,
    responseHead: attempt.responseHead,
    pausedUntil: condition.pausedUntil,
    pauses: condition.pauses,
  };
}

function reason(
  { outcome, status, error }: Attempt,
  failingSince: number | undefined,
  now: number,
  failingMsMax: number,
): string | undefined {
  if (outcome === "gone") return "The receiver answered 410.";
  if (failingSince === undefined || now - failingSince < failingMsMax) return undefined;
  const last = error ?? `The receiver answered ${status}.`;
  return `Every attempt has failed since ${new Date(failingSince).toISOString()}. ${last}`;
}
