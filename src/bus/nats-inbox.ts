/**
 * Receives the events of other nodes over NATS, by one subscription for each instance with a socket on this node. The
 * numbers of the events show whether an event is missing.
 */

import type { Logger } from "pino";
import type { BusGap, BusStats, EventHandler } from "./bus.js";
import { decodeEvent, type Numbered } from "./event-codec.js";
import type { NatsLink } from "./nats-link.js";

export interface InboxOptions {
  readonly link: NatsLink;
  readonly subjectOf: (instanceId: string) => string;
  /** The name of this node. No other node has the same name. */
  readonly origin: string;
  readonly logger: Logger;
  readonly stats: Pick<BusStats, "received" | "missed">;
  /** Called when the inbox finds that events of an instance are missing. */
  readonly onMissed: (gap: BusGap) => void;
}

/** The last event of an instance that came from one other node. */
interface Seen {
  readonly series: number;
  readonly sequence: number;
  /** When the event arrived, in milliseconds since 1970. */
  readonly at: number;
}

/** Subscribes a handler to the events of an instance. Returns a function that ends the subscription. */
export type ListenTo = (instanceId: string, handler: EventHandler) => () => void;

export function createInbox({ link, subjectOf, origin: self, logger, stats, onMissed }: InboxOptions): ListenTo {
  return (instanceId, handler) => {
    const seen = new Map<string, Seen>();

    /**
     * Returns false for an event that arrives after a later event of the same node. Counts and logs the events that a
     * gap in the numbers shows as missed.
     */
    function inOrder({ origin, series, sequence }: Numbered<unknown>): boolean {
      const at = Date.now();
      const last = seen.get(origin);
      const before = last?.series === series ? last.sequence : 0;
      // The event is late because its node sent it on a connection that was lost. The publisher was told that the event
      // may not have arrived.
      if (last !== undefined && (series < last.series || sequence <= before)) return false;
      seen.set(origin, { series, sequence, at });
      const missed = sequence - before - 1;
      // A gap is not counted before the first event of a node, or before the first event after an interruption.
      if (missed === 0 || last === undefined || last.at < link.connectedAt) return true;
      stats.missed += missed;
      onMissed({ reason: "bus_lost", from: last.at, until: at, missed, instanceId });
      const span = { from: new Date(last.at).toISOString(), until: new Date(at).toISOString() };
      logger.warn({ instanceId, origin, missed, ...span }, "events of another node were missed");
      return true;
    }

    return link.subscribe(subjectOf(instanceId), ({ data: bytes }) => {
      // An empty message is another node's question whether anybody listens. NATS itself tells that node when nobody
      // does, so no answer is needed.
      if (bytes.length === 0) return;
      // An error must not reach the NATS client library, because the library would then silently stop reading.
      try {
        const numbered = decodeEvent(instanceId, bytes);
        // A node may get an event of its own: a slow server can read the event from the node's previous connection and
        // deliver it on the present one.
        if (numbered.origin === self || !inOrder(numbered)) return;
        stats.received++;
        if (numbered.event !== undefined) handler(numbered.event);
      } catch (error) {
        stats.missed++;
        const at = Date.now();
        onMissed({ reason: "bus_lost", from: at, until: at, missed: 1, instanceId });
        logger.warn({ instanceId, reason: (error as Error).message }, "a message on the bus is no event");
      }
    });
  };
}
