/** Knows whether this node reaches the database without hearing of its changes, and logs it once. */

import pg from "pg";
import type { Logger } from "pino";
import type { SyncedDirectory } from "../../directory/synced-directory.js";
import { reasonOf } from "./backoff.js";

export interface Staleness {
  /** Whether the cause is that connections are no sessions: a notification on one connection does not reach another. */
  readonly withoutSessions: boolean;
  /** Tells that an attempt to follow the changes has failed. */
  failed(error: unknown): void;
  /** Tells that the changes are followed and everything has been read. */
  ended(): void;
}

/**
 * A node that cannot reach the database serves the state that it knows. A node that reaches it without hearing of its
 * changes must not: other nodes change that state meanwhile.
 */
export function createStaleness(directory: Pick<SyncedDirectory, "stale" | "setStale">, logger: Logger): Staleness {
  let withoutSessions = false;
  return {
    get withoutSessions() {
      return withoutSessions;
    },
    failed(error) {
      if (error instanceof Unfollowed) withoutSessions = error.withoutSessions;
      if (isAway(error) || directory.stale) return;
      logger.error(
        { reason: reasonOf(error) },
        "changes in the database do not reach this node: it refuses calls and upgrades until they do",
      );
      directory.setStale(true);
    },
    ended() {
      withoutSessions = false;
      directory.setStale(false);
    },
  };
}

/** Classes of SQLSTATE by which the server, or a pooler in front of it, ends or refuses a connection. */
const awayClasses = new Set(["08", "53", "57", "28", "3D"]);

/** Whether the database was not reached, or is shutting down. */
function isAway(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return awayClasses.has(error.code?.slice(0, 2) ?? "08");
  return !(error instanceof Unfollowed);
}

/** The database answers, and its answer shows that this node cannot follow it. */
export class Unfollowed extends Error {
  override readonly name: string = "Unfollowed";
  readonly withoutSessions: boolean = false;
}
