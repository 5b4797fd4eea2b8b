/** Spans in which events of other nodes may have been missed: each one is logged with its begin and end, and counted. */

import type { Logger } from "pino";
import type { BusStats } from "./bus.js";

export interface Interruptions {
  /** The bus has answered a question of this time: nothing from before it can be missing. Milliseconds since 1970. */
  confirmed(askedAt: number): void;
  begin(reason: string): void;
  /** The bus is there again, with all subscriptions. */
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
