/**
 * Interruptions: spans in which this node may have missed events of other nodes. Each one is counted, and its start and
 * end are logged.
 */

import type { Logger } from "pino";
import type { BusStats } from "./bus.js";

export interface Interruptions {
  /**
   * Tells that the bus has answered a question that was asked at this time, so nothing from before can be missing.
   * Milliseconds since 1970.
   */
  confirmed(askedAt: number): void;
  begin(reason: string): void;
  /** Tells that the bus is back, with all subscriptions. */
  end(): void;
}

export function createInterruptions(options: {
  logger: Logger;
  stats: Pick<BusStats, "interruptions" | "interruptedMs">;
}): Interruptions {
  const { logger, stats } = options;
  let confirmedAt = Date.now();
  let from: number | undefined;

  return {
    confirmed(askedAt) {
      confirmedAt = Math.max(confirmedAt, askedAt);
    },

    begin(reason) {
      if (from !== undefined) return;
      from = confirmedAt;
      stats.interruptions++;
      logger.warn({ reason, from: iso(from) }, "the bus is away: events of other nodes are missed from now on");
    },

    end() {
      if (from === undefined) return;
      const until = Date.now();
      stats.interruptedMs += until - from;
      logger.warn({ from: iso(from), until: iso(until), ms: until - from }, "the bus is back");
      from = undefined;
    },
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
