/** Tries again, ever more slowly, and tells the log why without filling it. */

import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";

const firstDelayMs = 100;
const delayMsMax = 500;
/** The same reason is not told again sooner. */
const quietMs = 30_000;

export interface Attempts {
  /** Logs the failure, then waits before the next attempt. */
  failed(error: unknown): Promise<void>;
  succeeded(): void;
}

export interface AttemptsOptions {
  readonly logger: Logger;
  readonly failure: string;
  readonly success: string;
  /** Ends a wait. */
  readonly signal: AbortSignal;
}

export function createAttempts({ logger, failure, success, signal }: AttemptsOptions): Attempts {
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
      // Spread, so that the nodes of a cluster do not come back all at once.
      await delay(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    },
    succeeded() {
      if (count > 0) logger.info({ attempts: count }, success);
      count = 0;
      told = undefined;
    },
  };
}

/** A refused connection to a name with several addresses has no message of its own. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join(", ");
  return error instanceof Error && error.message !== ""
    ? error.message
    : String((error as { code?: unknown })?.code ?? error);
}
