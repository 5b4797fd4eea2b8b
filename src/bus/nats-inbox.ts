/** What comes to this node: one subscription per instance that has a socket here, and a look at the numbers of its events. */

import type { Logger } from "pino";
import type { BusStats, EventHandler } from "./bus.js";
import { decodeEvent, type Numbered } from "./event-codec.js";
import type { NatsLink } from "./nats-link.js";

export interface InboxOptions {
  readonly link: NatsLink;
  readonly subjectOf: (instanceId: string) => string;
  /** Names this node among the others. */
  readonly origin: string;
  readonly logger: Logger;
  readonly stats: Pick<BusStats, "received" | "missed">;
}

/** The last event of one origin. */
interface Seen {
  readonly series: number;
  readonly sequence: number;
  /** When it came, in milliseconds since 1970. */
  readonly at: number;
}

/** Returns the way to stop. */
export type ListenTo = (instanceId: string, handler: EventHandler) => () => void;

export function createInbox({ link, subjectOf, origin: self, logger, stats }: InboxOptions): ListenTo {
  return (instanceId, handler) => {
    const seen = new Map<string, Seen>();

    /** False for what comes too late to be in order. */
    function inOrder({ origin, series, sequence }: Numbered<unknown>): boolean {
      const at = Date.now();
      const last = seen.get(origin);
      const before = last?.series === series ? last.sequence : 0;
      // What was sent over a connection that its node has lost: the publisher was told.
      if (last !== undefined && (series < last.series || sequence <= before)) return false;
      seen.set(origin, { series, sequence, at });
      const missed = sequence - before - 1;
      // The first one that we hear, at all or since an interruption, tells of no gap.
      if (missed === 0 || last === undefined || last.at < link.connectedAt) return true;
      stats.missed += missed;
      const span = { from: new Date(last.at).toISOString(), until: new Date(at).toISOString() };
      logger.warn({ instanceId, origin, missed, ...span }, "events of another node were missed");
      return true;
    }

    return link.subscribe(subjectOf(instanceId), ({ data: bytes }) => {
      // Somebody asks whether anybody listens: that this came is the answer.
      if (bytes.length === 0) return;
      // An error that went on to the library would end its reading, without a word.
      try {
        const numbered = decodeEvent(instanceId, bytes);
        // A server that was held up takes from the connection that we had before what it hands to the one that we have now.
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
