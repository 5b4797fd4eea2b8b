/** This node's consumers by instance and view: takes events from the bus, gives frames to consumers once per turn. */

import type { Bus, Event } from "../bus/bus.js";
import type { DirectoryListener, Entry } from "../directory/directory.js";
import { type Close, instanceDeleted, peerGone, pongsUnread, slowConsumer, tokenRevoked } from "../domain/closes.js";
import type { EventType } from "../domain/event-type.js";
import type { Principal } from "../domain/instance.js";
import { type ClosedConsumer, Closings } from "./closings.js";
import { Consumer } from "./consumer.js";
import { drainSchedule, shuffle } from "./drain-schedule.js";
import { Heartbeat } from "./heartbeat.js";
import type { InstanceStreams } from "./instance-streams.js";
import type { Stream } from "./stream.js";
import { type Reservation, StreamRegistry } from "./stream-registry.js";
import type { View } from "./view.js";
import { Waiting } from "./waiting.js";

/** In ms: how long a blocked consumer has by default until it can be told why it is closed; then it is cut. */
const closeGraceMsDefault = 60_000;
const idleSecondsDefault = 48;
/** In ms: what both are when the node shuts down. */
export const shutdownGraceMs = 5_000;

/** Of answers to pings that a peer does not read. A broadcast that was not looked at yet is counted among them. */
const pongBytesMax = 256 * 1024;

/** Plain numbers, read when metrics are scraped. */
export interface HubStats {
  consumers: number;
  /** Events that came from the bus, that is: somebody is connected to their instance. */
  events: number;
  /** Of those, the ones that no stream's filter took; nothing was built for them. */
  filtered: number;
  /** One for each stream whose filter took the event. */
  framesBuilt: number;
  /** Frames handed to consumers or parked for them. */
  framesDelivered: number;
  /** Connections that the gateway closed, by close code. */
  readonly closes: Map<number, number>;
}

export interface Hub extends DirectoryListener {
  readonly stats: Readonly<HubStats>;
  /** Ahead of a consumer: makes sure that events of the instance come to this node. The entry must be enabled. */
  reserve(entry: Entry): Reservation;
  /** The entry must be enabled. Every event published from now on reaches the consumer, if it was reserved. */
  add<Connection>(connection: Connection, entry: Entry, principal: Principal, view: View<Connection>): Consumer;
  /** How many consumers of an instance have a filter that takes events of this type. */
  takers(instanceId: string, type: EventType): number;
  /** The connection is gone. Idempotent. */
  remove(consumer: Consumer): void;
  /** The connection took something of what it held. */
  drained(consumer: Consumer): void;
  /** The peer answered our ping. */
  ponged(consumer: Consumer): void;
  /** The peer sent a ping, and the transport answered. */
  pinged(consumer: Consumer): void;
  /** The peer sent a whole message. */
  heard(consumer: Consumer): void;
  /** Closes one consumer: with its reason, once that can be read, or without. */
  end(consumer: Consumer, close: Close): void;
  /**
   * Closes every consumer: in random order, spread over at most `overMs` (see `drainSchedule`); those that are still open get
   * their events, and one that is added meanwhile goes with the last. Resolves when all are told or cut, `shutdownGraceMs`
   * after the last close at the latest.
   */
  close(close: Close, overMs: number): Promise<void>;
}

export interface HubOptions {
  readonly bus: Bus;
  /** More bytes waiting for one consumer end it. */
  readonly pendingBytesMax: number;
  /** In bytes, of all consumers together. More waiting ends those that the most waits for, one after the other. */
  readonly waitingBytesMax?: number;
  /** How long a blocked consumer has until it can be told why it is closed; then it is cut. 60 s by default. */
  readonly closeGraceMs?: number;
  /** Silence after which a peer counts as gone, in seconds; 48 by default. */
  readonly idleSeconds?: number;
  /** Hears of every connection that the hub has closed. */
  readonly onClosed?: (closed: ClosedConsumer) => void;
}

export function createHub({ bus, pendingBytesMax, ...options }: HubOptions): Hub {
  const { closeGraceMs = closeGraceMsDefault, idleSeconds = idleSecondsDefault, onClosed = () => {} } = options;
  const waiting = new Waiting(options.waitingBytesMax ?? Number.POSITIVE_INFINITY);
  const registry = new StreamRegistry(bus, { pendingBytesMax, waiting }, receive);
  const stats: HubStats = {
    consumers: 0,
    events: 0,
    filtered: 0,
    framesBuilt: 0,
    framesDelivered: 0,
    closes: new Map(),
  };
  /** Streams that have frames to give, and consumers whose connection drained in this turn of the event loop. */
  let touched: Stream[] = [];
  let drained: Consumer[] = [];
  /** What is to be closed after the frames of this turn. */
  let endings: (() => void)[] = [];
  let scheduled = false;
  const closings = new Closings({ blockedMs: closeGraceMs, onClosed, onEnded: remove });
  const heartbeat = new Heartbeat({
    idleSeconds,
    blockedSeconds: closeGraceMs / 1000,
    onGone: (consumer) => closeConsumer(consumer, peerGone),
    onDrained: drain,
  });
  let onEmpty: (() => void) | undefined;

  function receive({ streams }: InstanceStreams, event: Event): void {
    stats.events++;
    let built = 0;
    for (const stream of streams) {
      const first = stream.idle;
      if (!stream.accept(event)) continue;
      built++;
      if (first) touched.push(stream);
    }
    stats.framesBuilt += built;
    if (built === 0) stats.filtered++;
    else schedule();
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  }

  /** Older frames first: what a drained consumer had parked goes before what this turn brought. */
  function flush(): void {
    scheduled = false;
    const resuming = drained;
    drained = [];
    for (const consumer of resuming) resume(consumer);
    const streams = touched;
    touched = [];
    const due = endings;
    endings = [];
    for (const stream of streams) {
      stats.framesDelivered += stream.flush(due.length > 0, closeSlow);
      if (!stream.idle) touched.push(stream);
    }
    if (waiting.tooMuch) relieve();
    if (touched.length > 0) schedule();
    for (const end of due) end();
  }

  function atEndOfTurn(end: () => void): void {
    endings.push(end);
    schedule();
  }

  function drain(consumer: Consumer): void {
    consumer.silence = 0;
    drained.push(consumer);
    schedule();
  }

  function resume(consumer: Consumer): void {
    if (!consumer.open) return;
    consumer.resume();
    closings.proceed(consumer);
  }

  /** From here on the consumer gets nothing but the reason. Nothing when it is closed already. */
  function closeConsumer(consumer: Consumer, close: Close): void {
    const { instanceId } = consumer.stream;
    const instance = registry.instance(instanceId);
    if (instance === undefined || !registry.leave(consumer)) return;
    stats.closes.set(close.code, (stats.closes.get(close.code) ?? 0) + 1);
    closings.start(consumer, close, { instanceId, instance: instance.name, ...consumer.describe() });
  }

  function closeSlow(consumer: Consumer): void {
    closeConsumer(consumer, slowConsumer);
  }

  function relieve(): void {
    for (const consumer of waiting.largestFirst()) {
      closeSlow(consumer);
      if (!waiting.tooMuch) return;
    }
  }

  function closeOfInstance(instanceId: string, close: Close, whom: (consumer: Consumer) => boolean): void {
    const consumers = registry.instance(instanceId)?.consumers ?? [];
    for (const consumer of consumers.filter(whom)) closeConsumer(consumer, close);
  }

  function closeAll(consumers: readonly Consumer[], close: Close): void {
    atEndOfTurn(() => {
      for (const consumer of consumers) closeConsumer(consumer, close);
    });
  }

  function remove(consumer: Consumer): void {
    if (!consumer.open) return;
    consumer.gone();
    registry.leave(consumer);
    heartbeat.remove(consumer);
    closings.gone(consumer);
    consumer.stream.fanOut.buffered.connections--;
    if (--stats.consumers === 0) onEmpty?.();
  }

  return {
    stats,

    reserve: (entry) => registry.reserve(entry),

    add(connection, entry, principal, view) {
      const stream = registry.streamOf(entry, view);
      const consumer = new Consumer(connection, stream, principal);
      stream.add(consumer);
      heartbeat.add(consumer);
      waiting.include(view.fanOut.buffered);
      view.fanOut.buffered.connections++;
      stats.consumers++;
      return consumer;
    },

    takers: (instanceId, type) => registry.instance(instanceId)?.takers(type) ?? 0,

    remove,

    drained: drain,

    ponged(consumer) {
      consumer.silence = 0;
      consumer.answered();
      closings.proceed(consumer);
    },

    pinged(consumer) {
      consumer.silence = 0;
      if (consumer.heldBesideFrames <= pongBytesMax) return;
      closeConsumer(consumer, pongsUnread);
      closings.giveUp(consumer);
    },

    heard(consumer) {
      consumer.silence = 0;
    },

    end: closeConsumer,

    instanceChanged(entry) {
      registry.instance(entry.instance.id)?.configure(entry);
    },

    instanceDeleted(instanceId) {
      atEndOfTurn(() => closeOfInstance(instanceId, instanceDeleted, () => true));
    },

    principalRevoked(principal) {
      atEndOfTurn(() => {
        const ids = principal.kind === "instance" ? [principal.id] : registry.ofAccount(principal.accountId);
        for (const id of ids) closeOfInstance(id, tokenRevoked, (consumer) => consumer.principal === principal);
      });
    },

    async close(close, overMs) {
      const everyone = shuffle(registry.everyone());
      let closed = 0;
      for await (const due of drainSchedule(everyone.length, overMs)) {
        if (stats.consumers === 0) return;
        closeAll(everyone.slice(closed, due), close);
        closed = due;
      }
      closeAll(registry.everyone(), close);
      atEndOfTurn(() => closings.hurry(shutdownGraceMs));
      if (stats.consumers === 0) return;
      await new Promise<void>((resolve) => {
        // A transport may send what was written within its handler, as the last reason after a pong, when that has returned.
        onEmpty = () => setImmediate(resolve);
      });
    },
  };
}
