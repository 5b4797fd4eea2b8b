/**
 * Receives events for this node: one subscription for each instance with a socket here. It checks the numbers of the
 * events.
 */

import type { Logger } from "pino";
import type { BusStats, EventHandler } from "./bus.js";
import { decodeEvent, type Numbered } from "./event-codec.js";
import type { NatsLink } from "./nats-link.js";

export interface InboxOptions {
  readonly link: NatsLink;
  readonly subjectOf: (instanceId: string) => string;
  /** The name of this node, different from all others. */
  readonly origin: string;
  readonly logger: Logger;
  readonly stats: Pick<BusStats, "received" | "missed">;
}

/** The last event that came from one origin. */
interface Seen {
  readonly series: number;
  readonly sequence: number;
  /** The time of its arrival, in milliseconds since 1970. */
  readonly at: number;
}

/** Returns a function that ends the subscription. */
export type ListenTo = (instanceId: string, handler: EventHandler) => () => void;

export function createInbox({ link, subjectOf, origin: self, logger, stats }: InboxOptions): ListenTo {
  return (instanceId, handler) => {
    const seen = new Map<string, Seen>();

    /** False for an event that comes too late to be in order. */
    function inOrder({ origin, series, sequence }: Numbered<unknown>): boolean {
      const at = Date.now();
      const last = seen.get(origin);
      const before = last?.series === series ? last.sequence : 0;
      // The event was sent over a connection that its node has lost since. The publisher was told.
      if (last !== undefined && (series < last.series || sequence <= before)) return false;
      seen.set(origin, { series, sequence, at });
      const missed = sequence - before - 1;
      // The first event at all, or the first after an interruption, says nothing about a gap.
      if (missed === 0 || last === undefined || last.at < link.connectedAt) return true;
      stats.missed += missed;
      const span = { from: new Date(last.at).toISOString(), until: new Date(at).toISOString() };
      logger.warn({ instanceId, origin, missed, ...span }, "events of another node were missed");
      return true;
    }

    return link.subscribe(subjectOf(instanceId), ({ data: bytes }) => {
      // A node asks whether anybody listens. That this message arrived is the answer.
      if (bytes.length === 0) return;
      // If the library got this error, it would silently stop reading.
      try {
        const numbered = decodeEvent(instanceId, bytes);
        // A server that was held up may read events from our previous connection and deliver them on our present one.
        if (numbered.origin === self || !inOrder(numbered)) return;
        stats.received++;
        if (numbered.event !== undefined) handler(numbered.event);
      } catch (error) {
        stats.missed++;
        logger.warn({ instanceId, reason: (error as Error).message }, "the bus carried what is no event");
      }
    });
  };
}
