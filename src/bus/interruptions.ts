/**
 * Counts interruptions, logs the start and the end of each, and reports each at its end. An interruption is a span in
 * which this node may have missed events of other nodes.
 */

import type { Logger } from "pino";
import type { BusGap, BusStats } from "./bus.js";

export interface Interruptions {
  /**
   * Call this when the bus has answered a question. `askedAt` is when the question was asked, in milliseconds since
   * 1970. The events from before `askedAt` have arrived, so a later interruption counts from there.
   */
  confirmed(askedAt: number): void;
  /** Call this when the bus is found to be away. Does nothing while an interruption lasts already. */
  begin(reason: string): void;
  /**
   * Call this when the bus is back and has taken all subscriptions of this node again. Does nothing when no
   * interruption has begun.
   */
  end(): void;
}

export function createInterruptions(options: {
  logger: Logger;
  stats: Pick<BusStats, "interruptions" | "interruptedMs">;
  /** Called at the end of each interruption, with its start and its end. */
  onEnded: (span: Pick<BusGap, "from" | "until">) => void;
}): Interruptions {
  const { logger, stats, onEnded } = options;
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
      onEnded({ from, until });
      from = undefined;
    },
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
