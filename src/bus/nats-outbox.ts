/**
 * What leaves this node. An event that no other node wants is neither encoded nor sent: NATS itself is asked, with an
 * empty message, whether anybody listens to the subject of an instance ("no responders"), and the events of the instance
 * wait for its answer. Whoever publishes waits for one round trip, shared by all who publish meanwhile.
 */

import { createInbox } from "@nats-io/transport-node";
import { AppError } from "../domain/errors.js";
import type { BusStats, Event } from "./bus.js";
import { encodedBytesMax, encodeEvent } from "./event-codec.js";
import type { NatsLink } from "./nats-link.js";

export interface Outbox {
  /** Throws EVENT_TOO_LARGE_FOR_BUS. */
  check(event: Event): void;
  add(event: Event): void;
  /** See `Bus.flush`. */
  flush(): Promise<boolean> | undefined;
}

export interface OutboxOptions {
  readonly link: NatsLink;
  readonly subjectOf: (instanceId: string) => string;
  /** The subject on which NATS tells this node that nobody listens. */
  readonly replyPrefix: string;
  /** The name of this node, different from all others. */
  readonly origin: string;
  /** Whether any socket may take it, whatever node it is on. */
  readonly mayBeWanted: (event: Event) => boolean;
  readonly stats: Pick<BusStats, "sent" | "unwanted" | "unreached">;
}

/** An instance in which other nodes are interested. */
interface Route {
  readonly series: number;
  sequence: number;
  /** The time from which NATS is asked again. */
  readonly until: number;
}

/**
 * How long the answer that somebody listens is believed. If the listener has gone meanwhile, events are sent in vain
 * and not lost.
 */
const wantedMs = 5_000;
const routesMax = 100_000;
/** Of events that wait for NATS or that it has not confirmed. Beyond them other nodes count as not reached. */
const pendingBytesMax = 64 * 1024 * 1024;

const question = new Uint8Array(0);

export function createOutbox(options: OutboxOptions): Outbox {
  const { link, subjectOf, origin, mayBeWanted, stats } = options;
  const routes = new Map<string, Route>();
  let lastSeries = 0;
  /** Events that wait for the next round, in which NATS is asked about their instances. */
  let asking = new Map<string, Event[]>();
  /** Instances that the round under way asks about. */
  let asked: ReadonlyMap<string, Event[]> = new Map();
  /** The instances of the present round that nobody listens to. */
  const nobody = new Set<string>();
  /** Sent since the last round began, and not confirmed. */
  let sent = 0;
  let pendingBytes = 0;
  /** Whether events were skipped since the last round began. */
  let skipped = false;
  let running: Promise<boolean> | undefined;
  let next: Promise<boolean> | undefined;

  const inbox = createInbox(options.replyPrefix);
  link.subscribe(`${inbox}.*`, ({ subject }, nobodyListens) => {
    if (nobodyListens) nobody.add(subject.slice(inbox.length + 1));
  });

  /** Returns whether it is under way: the limit of the server can have changed since it was checked. */
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
    // The next events of these instances need not wait for the end of this round.
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
