/**
 * Knows whether this node reaches the database but does not hear of its changes. When that begins, it marks the
 * directory as stale and logs the reason once. When the node follows the changes again, it takes the mark away.
 */

import pg from "pg";
import type { Logger } from "pino";
import type { SyncedDirectory } from "../../directory/synced-directory.js";
import { reasonOf } from "./backoff.js";

export interface Staleness {
  /**
   * Whether the last failed attempt showed that connections are no sessions, so that a notification on one connection
   * does not reach another.
   */
  readonly withoutSessions: boolean;
  /**
   * Call this when an attempt to follow the changes has failed. Marks the directory as stale, unless the error means
   * that the database was not reached.
   */
  failed(error: unknown): void;
  /** Call this when the node follows the changes and has read everything. The directory is then not stale. */
  ended(): void;
}

/**
 * Decides when the directory is stale. A node that cannot reach the database goes on with the state that it knows, or
 * stays stale. A node that reaches the database but does not hear of its changes must not go on, because other nodes
 * may be changing that state.
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

/**
 * Classes of PostgreSQL's error codes (SQLSTATE) with which the server, or a pooler before it, ends or refuses a
 * connection.
 */
const awayClasses = new Set(["08", "53", "57", "28", "3D"]);

/**
 * Whether the error means that the database was not reached: it did not answer, is shutting down, or refused the
 * connection.
 */
function isAway(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return awayClasses.has(error.code?.slice(0, 2) ?? "08");
  return !(error instanceof Unfollowed);
}

/** The error for a database that answers, when the answer shows that this node cannot follow the changes. */
export class Unfollowed extends Error {
  override readonly name: string = "Unfollowed";
  readonly withoutSessions: boolean = false;
}
