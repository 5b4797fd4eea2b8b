/**
 * Waits between attempts, longer after each failure, from 0.05 to 0.5 s. It logs why an attempt failed, but the same
 * reason at most once in 30 s while no other reason comes between.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";

const firstDelayMs = 100;
const delayMsMax = 500;
/** After a reason was logged, the same reason is not logged again for this long, in milliseconds. */
const quietMs = 30_000;

export interface Backoff {
  /**
   * Call this when an attempt has failed. Logs the failure, unless the reason that was logged last is the same and was
   * logged in the last 30 s. Resolves when the next attempt may begin.
   */
  failed(error: unknown): Promise<void>;
  /**
   * Call this when an attempt has succeeded. Logs that if an attempt had failed before. The next failure is then logged
   * again, and waits as short as the first.
   */
  succeeded(): void;
}

export interface AttemptsOptions {
  readonly logger: Logger;
  /** The message of the log line for a failure. `success` is the message for a success after failures. */
  readonly failure: string;
  readonly success: string;
  /** A signal that ends the current wait and all later waits at once when it is aborted. */
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
 * of errors. Then their messages are joined. For an error with neither, its code.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join(", ");
  return error instanceof Error && error.message !== ""
    ? error.message
    : String((error as { code?: unknown })?.code ?? error);
}
