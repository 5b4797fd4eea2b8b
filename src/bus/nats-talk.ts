/** Lets nodes talk to each other over the NATS of the bus. */

import type { Event } from "./bus.js";
import { decodeEvent, encodeEvent } from "./event-codec.js";
import { createInterest } from "./nats-interest.js";
import type { NatsLink } from "./nats-link.js";
import { olderProbeName } from "./nats-subjects.js";
import type { NodeTalk } from "./node-talk.js";

export interface NatsTalkOptions {
  readonly link: NatsLink;
  /** Makes the full subject of a name: see `nats-subjects.ts`. */
  readonly subjectOf: (name: string) => string;
  /** The name of this node. */
  readonly origin: string;
  /** See `Outbox.unconfirmed`. */
  readonly unconfirmed: () => Event[];
}

const nothing = new Uint8Array(0);

export function createNatsTalk({ link, subjectOf, origin: self, unconfirmed }: NatsTalkOptions): NodeTalk {
  const interest = createInterest({ link, subjectOf });

  return {
    get connection() {
      return link.connected ? link.connectedAt : undefined;
    },

    async tell(name, data) {
      link.publish(subjectOf(name), data);
      await link.confirm();
    },

    hear(name, listener) {
      link.subscribe(subjectOf(name), ({ data }) => listener(data));
    },

    standFor: (name, announcedAs) =>
      link.subscribe(subjectOf(name), () => {}, { subject: subjectOf(announcedAs), data: nothing }),

    async somebodyStandsFor(name) {
      interest.forget();
      for (const asked of [name, olderProbeName]) interest.ask(asked);
      if (!(await link.confirm())) return undefined;
      return !(interest.nobody(name) && interest.nobody(olderProbeName));
    },

    unconfirmed,
    // The numbers of an event count what its node sends on the bus, so they mean nothing here.
    encode: (event) => encodeEvent({ event, origin: self, series: 0, sequence: 0 }),

    decode(instance, bytes) {
      try {
        const { event } = decodeEvent(instance, bytes);
        if (event?.origin === self) (event as { origin?: string | undefined }).origin = undefined;
        return event;
      } catch {
        return undefined;
      }
    },
  };
}
