/** Says when a delivery that failed is tried again, and when the delivery dies. */

export interface FailedDelivery {
  /** Number of attempts so far, at least 1. */
  readonly attempts: number;
  /** Time since the first attempt began, in milliseconds. */
  readonly sinceFirstMs: number;
  /** Whether the webhook delivers in order. */
  readonly ordered: boolean;
  /** Whether the last attempt had the outcome `pause`. Such a delivery does not die. */
  readonly pausing: boolean;
  /** What the receiver asked for in `Retry-After`, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

export interface RetrySchedule {
  /** Returns the time until the next attempt, in whole milliseconds. Undefined when the delivery dies. */
  next(delivery: FailedDelivery): number | undefined;
}

/** In an ordered webhook all later events wait. So a receiver that is back is found after this time at the latest. */
const orderedDelayMaxMs = 600_000;

/** Each delay is longer or shorter by up to a fifth, so that deliveries which failed together do not come together. */
const jitter = 0.2;

/**
 * Makes the schedule of the setting WEBHOOK_RETRY_SECONDS. `seconds` holds the delays after the first, second and each
 * further attempt, and is not empty. An unordered delivery dies with the attempt after the last delay. An ordered
 * delivery has shorter delays and more attempts, and dies after the sum of `seconds`. `random` returns numbers from 0 to
 * 1.
 */
export function createRetrySchedule(seconds: readonly number[], random: () => number = Math.random): RetrySchedule {
  const delays = seconds.map((one) => one * 1000);
  const totalMs = delays.reduce((sum, one) => sum + one, 0);
  const lastMs = delays.at(-1) ?? orderedDelayMaxMs;

  return {
    next({ attempts, sinceFirstMs, ordered, pausing, retryAfterMs = 0 }) {
      const dies = ordered ? sinceFirstMs >= totalMs : attempts > delays.length;
      if (dies && !pausing) return undefined;
      const listed = delays[attempts - 1] ?? lastMs;
      const spread = 1 - jitter + 2 * jitter * random();
      const wanted = Math.round((ordered ? Math.min(listed, orderedDelayMaxMs) : listed) * spread);
      // The last attempt of an ordered delivery comes when the whole time is over.
      const delay = ordered && !dies ? Math.min(wanted, totalMs - sinceFirstMs) : wanted;
      return Math.ceil(Math.max(delay, retryAfterMs));
    },
  };
}
