/**
 * Receives the events of other nodes over NATS, by one subscription for each instance and each account with a consumer
 * on this node. The same event may come on both subjects. The numbers of the events show whether an event is missing,
 * and whether an event has come already.
 */

import type { Logger } from "pino";
import type { Instance } from "../domain/instance.js";
import { type BusGap, type BusStats, type Event, travelMsMax } from "./bus.js";
import { type Arrived, decodeEvent, type Subject } from "./event-codec.js";
import type { NatsLink } from "./nats-link.js";
import { accountName, listeningName } from "./nats-subjects.js";

export interface InboxOptions {
  readonly link: NatsLink;
  /** Makes the full subject of a name: see `nats-subjects.ts`. */
  readonly subjectOf: (name: string) => string;
  /** The name of this node. No other node has the same name. */
  readonly origin: string;
  /**
   * Called with each event of another node that is later than all earlier events of that node and instance. Late
   * events, second copies and unknown event types are left out.
   */
  readonly onEvent: (event: Event) => void;
  readonly logger: Logger;
  readonly stats: Pick<BusStats, "received" | "missed">;
  /** Called when events of an instance are missing, or when an event cannot be read. */
  readonly onMissed: (gap: BusGap) => void;
}

export interface Inbox {
  /** Subscribes to the events of an instance. Returns a function that ends the subscription. */
  listenTo(instance: Pick<Instance, "id" | "accountId">): () => void;
  /**
   * Subscribes to the events of all instances of an account. Other nodes are told, because they may believe that nobody
   * listens to the account. Returns a function that ends the subscription.
   */
  listenToAccount(accountId: string): () => void;
}

/** The last event of an instance that came from one other node. */
interface Seen {
  readonly series: number;
  readonly sequence: number;
  /** When the event arrived, in milliseconds since 1970. */
  readonly at: number;
  /** When its node accepted the event, by that node's clock. Of an event that cannot be read: `at`. */
  readonly acceptedAt: number;
}

/** The last events of one instance: for each other node, the last event that came from that node. */
type Origins = Map<string, Seen>;

/**
 * Most instances of one account whose last events are kept. With more, the last events of all its instances are
 * forgotten, and a loss before their next events is not noticed.
 */
const instancesMax = 100_000;

export function createInbox(options: InboxOptions): Inbox {
  const { link, subjectOf, origin: self, onEvent, logger, stats, onMissed } = options;
  /** The last events by instance, for the instances with a subscription of their own. */
  const instances = new Map<string, Origins>();
  /**
   * For each account, the last events by instance. When the instance also has a subscription of its own, `instances`
   * holds the same object. So an event that came on one subject is recognised on the other.
   */
  const accounts = new Map<string, Map<string, Origins>>();

  /**
   * Returns true when the event is later than all earlier events of its node and instance. Returns false for a late
   * event and for the second copy of an event. When numbers are missing before the event, counts, logs and reports the
   * missing events.
   */
  function inOrder(seen: Origins, accountId: string, arrived: Arrived): boolean {
    const { instanceId, origin, series, sequence, event } = arrived;
    const at = Date.now();
    const acceptedAt = event?.time ?? at;
    const last = seen.get(origin);
    const before = last?.series === series ? last.sequence : 0;
    // The event has come on the other subject already, or it is late because its node sent it on a connection that was
    // lost. In the second case the producer was told that the event may not have arrived.
    if (last !== undefined && (series < last.series || sequence <= before)) return false;
    seen.set(origin, { series, sequence, at, acceptedAt });
    const missed = sequence - before - 1;
    // Missing numbers are not counted before the first event of a node. They are not counted before the first event
    // after an interruption either, because the interruption itself is reported.
    if (missed === 0 || last === undefined || last.at < link.connectedAt) return true;
    stats.missed += missed;
    const from = Math.min(last.acceptedAt, acceptedAt);
    onMissed({ reason: "bus_lost", from, until: acceptedAt, missed, accountId, instanceId });
    const span = { from: new Date(from).toISOString(), until: new Date(acceptedAt).toISOString() };
    logger.warn({ instanceId, origin, missed, ...span }, "events of another node were missed");
    return true;
  }

  function receive(subject: Subject, bytes: Uint8Array, seenOf: (arrived: Arrived) => Origins): void {
    // An empty message is another node's question whether anybody listens. NATS itself tells that node when nobody
    // does, so no answer is needed.
    if (bytes.length === 0) return;
    // An error must not reach the NATS client library, because the library would then silently stop reading. So a
    // message that cannot be read counts as one missed event.
    try {
      const arrived = decodeEvent(subject, bytes);
      // A node may get an event of its own: a slow server can read the event from the node's previous connection and
      // deliver it on the present one.
      if (arrived.origin === self || !inOrder(seenOf(arrived), subject.accountId, arrived)) return;
      stats.received++;
      if (arrived.event !== undefined) onEvent(arrived.event);
    } catch (error) {
      stats.missed++;
      const at = Date.now();
      onMissed({ reason: "bus_lost", from: at - travelMsMax, until: at, missed: 1, ...subject });
      logger.warn({ ...subject, reason: (error as Error).message }, "a message on the bus is no event");
    }
  }

  return {
    listenTo({ id: instanceId, accountId }) {
      const seen: Origins = accounts.get(accountId)?.get(instanceId) ?? new Map();
      instances.set(instanceId, seen);
      const stop = link.subscribe(subjectOf(instanceId), ({ data }) =>
        receive({ instanceId, accountId }, data, () => seen),
      );
      return () => {
        if (instances.get(instanceId) === seen) instances.delete(instanceId);
        stop();
      };
    },

    listenToAccount(accountId) {
      const known = new Map<string, Origins>();
      accounts.set(accountId, known);
      const seenOf = ({ instanceId }: Arrived): Origins => {
        const before = known.get(instanceId);
        if (before !== undefined) return before;
        const seen: Origins = instances.get(instanceId) ?? new Map();
        if (known.size >= instancesMax) known.clear();
        known.set(instanceId, seen);
        return seen;
      };
      const announcement = { subject: subjectOf(listeningName), data: Buffer.from(accountId) };
      const stop = link.subscribe(
        subjectOf(accountName(accountId)),
        ({ data }) => receive({ accountId }, data, seenOf),
        announcement,
      );
      return () => {
        if (accounts.get(accountId) === known) accounts.delete(accountId);
        stop();
      };
    },
  };
}
