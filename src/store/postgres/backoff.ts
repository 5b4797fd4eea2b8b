/** Waits between attempts, longer after each failure, and logs the reason without filling the log. */

import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";

const firstDelayMs = 100;
const delayMsMax = 500;
/** How long the same reason is not logged again. */
const quietMs = 30_000;

export interface Backoff {
  /** Waits until the next attempt. Logs the failure first, unless the same reason was logged in the last 30 s. */
  failed(error: unknown): Promise<void>;
  succeeded(): void;
}

export interface AttemptsOptions {
  readonly logger: Logger;
  readonly failure: string;
  readonly success: string;
  /** Aborted to end a wait early. */
  readonly signal: AbortSignal;
}

export function createBackoff({ logger, failure, success, signal }: AttemptsOptions): Backoff {
  let count = 0;
  let told: { reason: string; at: number } | undefined;

  return {
    async failed(error) {
      const reason = reasonOf(error);
      const wait = Math.min(firstDelayMs * 2 ** count, delayMsMax);
      count++;
      if (told?.reason !== reason || Date.now() - told.at >= quietMs) {
        told = { reason, at: Date.now() };
        logger.warn({ reason, attempts: count }, failure);
      }
      // The wait is random, so that the nodes of a cluster do not all come back at once.
      await delay(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    },
    succeeded() {
      if (count > 0) logger.info({ attempts: count }, success);
      count = 0;
      told = undefined;
    },
  };
}

/**
 * The text of an error. A refused connection to a name with several addresses has no message of its own, only a list of
 * errors.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join(", ");
  return error instanceof Error && error.message !== ""
    ? error.message
    : String((error as { code?: unknown })?.code ?? error);
}
