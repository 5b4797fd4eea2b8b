/**
 * Knows whether statements of one kind succeed. After a failed statement the database counts as away: each further
 * statement then fails at once, so that no caller waits, until a trial succeeds.
 */

import type { Logger } from "pino";
import { createBackoff } from "./backoff.js";

export interface Availability {
  /** Runs a statement, unless the database is away. Rejects with the error of the statement, or of the one before. */
  run<T>(statement: () => Promise<T>): Promise<T>;
  /** Stops the trials. */
  close(): void;
}

export function createAvailability(options: {
  readonly logger: Logger;
  /** The message of the log line when the database is away, and when it is back. */
  readonly failure: string;
  readonly success: string;
  /**
   * A statement that succeeds when all others do. It must write, because a read would also succeed in a database that
   * has become read-only.
   */
  readonly attempt: () => Promise<unknown>;
}): Availability {
  const { logger, failure, success, attempt } = options;
  const closing = new AbortController();
  const attempts = createBackoff({ logger, failure, success, signal: closing.signal });
  let away: unknown;
  let returns = 0;

  async function comeBack(): Promise<void> {
    while (away !== undefined && !closing.signal.aborted) {
      await attempts.failed(away);
      away = await attempt().then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    returns++;
    if (!closing.signal.aborted) attempts.succeeded();
  }

  return {
    async run(statement) {
      const asked = returns;
      if (away !== undefined) throw away;
      try {
        return await statement();
      } catch (error) {
        // A statement that began before the database came back may fail late. Such a failure says nothing about the
        // database now.
        if (away === undefined && asked === returns && !closing.signal.aborted) {
          away = error;
          void comeBack();
        }
        throw error;
      }
    },

    close() {
      closing.abort();
    },
  };
}
