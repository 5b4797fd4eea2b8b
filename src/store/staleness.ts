/** Knows whether this node reaches the database and still does not hear of its changes, and says so in the log, once. */

import pg from "pg";
import type { Logger } from "pino";
import type { Replica } from "../directory/replica.js";
import { reasonOf } from "./retrying.js";

export interface Staleness {
  /** Whether it is so because connections are no sessions: what one is told another does not hear. */
  readonly withoutSessions: boolean;
  /** An attempt to follow the changes has failed. */
  failed(error: unknown): void;
  /** The changes are followed, and everything has been read. */
  ended(): void;
}

/**
 * A node that cannot reach the database serves what it knows. One that reaches it and does not hear of its changes must
 * not: others change what it goes on to believe.
 */
export function createStaleness(directory: Pick<Replica, "stale" | "setStale">, logger: Logger): Staleness {
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

/** Classes of SQLSTATE with which the server, or a pooler before it, ends or refuses a connection. */
const awayClasses = new Set(["08", "53", "57", "28", "3D"]);

/** The database was not reached, or is leaving. */
function isAway(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return awayClasses.has(error.code?.slice(0, 2) ?? "08");
  return !(error instanceof Unfollowed);
}

/** The database answers, and what it answers keeps this node from following it. */
export class Unfollowed extends Error {
  override readonly name: string = "Unfollowed";
  readonly withoutSessions: boolean = false;
}
