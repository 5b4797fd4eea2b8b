/**
 * Sends events to other nodes over NATS. An event that no other node wants is neither encoded nor sent. To learn
 * whether anybody listens to an instance, the outbox sends an empty message on its subject; NATS reports "no
 * responders" when nobody does. Meanwhile the events of the instance wait. All publishers that wait share one round
 * trip.
 */

import { createInbox } from "@nats-io/transport-node";
import { AppError } from "../domain/errors.js";
import type { BusStats, Event } from "./bus.js";
import { encodedBytesMax, encodeEvent } from "./event-codec.js";
import type { NatsLink } from "./nats-link.js";

export interface Outbox {
  /** Throws AppError EVENT_TOO_LARGE_FOR_BUS when NATS does not carry an event of this size. */
  check(event: Event): void;
  add(event: Event): void;
  /** Resolves to whether all events that were added until now have reached NATS; see `Bus.flush`. */
  flush(): Promise<boolean> | undefined;
}

export interface OutboxOptions {
  readonly link: NatsLink;
  readonly subjectOf: (instanceId: string) => string;
  /** The first part of the subjects on which NATS tells this node that nobody listens to an instance. */
  readonly replyPrefix: string;
  /** The name of this node. No other node has the same name. */
  readonly origin: string;
  /** Whether a socket on any node may take the event. */
  readonly mayBeWanted: (event: Event) => boolean;
  readonly stats: Pick<BusStats, "sent" | "unwanted" | "unreached">;
}

/** Kept for an instance to which another node listens: its next events can be sent at once. */
interface Route {
  readonly series: number;
  sequence: number;
  /** When NATS is asked again whether anybody listens, on the clock of `performance.now()`. */
  readonly until: number;
}

/**
 * How long the outbox believes NATS that somebody listens to an instance, in milliseconds. If the listener leaves in
 * this time, events are sent in vain, but no event is lost.
 */
const wantedMs = 5_000;
const routesMax = 100_000;
/**
 * Most bytes of events that wait for an answer or a confirmation of NATS. Other nodes do not get the events beyond this
 * limit, and the answers to the publishers of these events say so.
 */
const pendingBytesMax = 64 * 1024 * 1024;

const question = new Uint8Array(0);

export function createOutbox(options: OutboxOptions): Outbox {
  const { link, subjectOf, origin, mayBeWanted, stats } = options;
  const routes = new Map<string, Route>();
  let lastSeries = 0;
  /**
   * For each instance, the events that wait for the next round. In a round the outbox asks NATS whether anybody listens
   * to the instance.
   */
  let asking = new Map<string, Event[]>();
  /** For each instance, the events that wait for NATS's answer in the present round. */
  let asked: ReadonlyMap<string, Event[]> = new Map();
  /** The ids of instances in the present round to which nobody listens. */
  const nobody = new Set<string>();
  /** Number of events that were sent since NATS was last asked to confirm. */
  let sent = 0;
  let pendingBytes = 0;
  /** Whether an event was skipped since the last round began. A skipped event does not reach other nodes. */
  let skipped = false;
  let running: Promise<boolean> | undefined;
  let next: Promise<boolean> | undefined;

  const inbox = createInbox(options.replyPrefix);
  link.subscribe(`${inbox}.*`, ({ subject }, nobodyListens) => {
    if (nobodyListens) nobody.add(subject.slice(inbox.length + 1));
  });

  /**
   * Sends an event. Returns false when the event was not sent, for example because the server lowered its size limit
   * after `check`.
   */
  function send(instanceId: string, route: Route, event: Event): boolean {
    const bytes = encodeEvent({ event, origin, series: route.series, sequence: ++route.sequence });
    if (!link.publish(subjectOf(instanceId), bytes)) {
      skip(1);
      return false;
    }
    sent++;
    stats.sent++;
    return true;
  }

  function skip(events: number): void {
    skipped = true;
    stats.unreached += events;
  }

  async function round(): Promise<boolean> {
    next = undefined;
    const complete = !skipped;
    skipped = false;
    asked = asking;
    asking = new Map();
    nobody.clear();
    const bytes = pendingBytes;
    const reached = await askAndSend();
    pendingBytes -= bytes;
    running = undefined;
    return complete && reached;
  }

  async function askAndSend(): Promise<boolean> {
    for (const id of asked.keys()) link.publish(subjectOf(id), question, `${inbox}.${id}`);
    if (!(await confirm())) {
      for (const events of asked.values()) stats.unreached += events.length;
      asked = new Map();
      return false;
    }
    const before = sent;
    let taken = true;
    for (const [id, events] of asked) {
      if (nobody.has(id)) {
        routes.delete(id);
        stats.unwanted += events.length;
        continue;
      }
      const { series, sequence } = routes.get(id) ?? { series: ++lastSeries, sequence: 0 };
      const route: Route = { series, sequence, until: performance.now() + wantedMs };
      if (routes.size >= routesMax) routes.clear();
      routes.set(id, route);
      for (const event of [...events, ...(asking.get(id) ?? [])]) taken = send(id, route, event) && taken;
      asking.delete(id);
    }
    // From here on, new events of these instances are sent at once and do not wait for the end of this round.
    asked = new Map();
    return (sent === before || (await confirm())) && taken;
  }

  async function confirm(): Promise<boolean> {
    const covered = sent;
    sent = 0;
    const reached = await link.confirm();
    if (!reached) stats.unreached += covered;
    return reached;
  }

  return {
    check(event) {
      const limit = link.payloadMax;
      if (limit !== undefined && encodedBytesMax(event) > limit)
        throw new AppError("EVENT_TOO_LARGE_FOR_BUS", { values: { limit: `${limit}` } });
    },

    add(event) {
      if (!mayBeWanted(event)) {
        stats.unwanted++;
        return;
      }
      const bytes = encodedBytesMax(event);
      if (!link.connected || pendingBytes + bytes > pendingBytesMax) return skip(1);
      pendingBytes += bytes;
      const { instanceId } = event;
      const route = routes.get(instanceId);
      const waiting = asking.get(instanceId);
      if (waiting !== undefined) waiting.push(event);
      else if (route === undefined || asked.has(instanceId) || route.until <= performance.now())
        asking.set(instanceId, [event]);
      else send(instanceId, route, event);
    },

    flush() {
      if (!skipped && sent === 0 && asking.size === 0) return running;
      next ??= (running ?? Promise.resolve(true)).then(() => {
        running = round();
        return running;
      });
      return next;
    },
  };
}
