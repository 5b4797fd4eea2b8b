/**
 * Waits between attempts, longer after each failure. It logs why an attempt failed, but the same reason only once in 30
 * s.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";

const firstDelayMs = 100;
const delayMsMax = 500;
/** After a reason was logged, the same reason is not logged again for this long, in milliseconds. */
const quietMs = 30_000;

export interface Backoff {
  /**
   * Logs the failure, unless the same reason was logged in the last 30 s. Then waits until the next attempt may begin.
   */
  failed(error: unknown): Promise<void>;
  succeeded(): void;
}

export interface AttemptsOptions {
  readonly logger: Logger;
  readonly failure: string;
  readonly success: string;
  /** A signal that ends the current wait when it is aborted. */
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
 * The message of an error. When a host name has several addresses and all refuse, the error has no message but a list
 * of errors. Then their messages are joined.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join(", ");
  return error instanceof Error && error.message !== ""
    ? error.message
    : String((error as { code?: unknown })?.code ?? error);
}
