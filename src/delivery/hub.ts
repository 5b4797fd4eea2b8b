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

/** How long a blocked consumer has by default until it can be told its close reason, in ms. Then it is cut. */
const closeGraceMsDefault = 60_000;
const idleSecondsDefault = 48;
/** Both times while the node shuts down, in ms. */
export const shutdownGraceMs = 5_000;

/** Most bytes of answers to pings that a peer does not read. A broadcast that was not checked yet counts too. */
const pongBytesMax = 256 * 1024;

/** Plain numbers, read when metrics are scraped. */
export interface HubStats {
  consumers: number;
  /** Events that came from the bus. Each of them has a consumer on its instance. */
  events: number;
  /** The part of these events that no stream's filter took. No frame was built for them. */
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
  /**
   * Call it before a consumer is added: it makes sure that events of the instance come to this node. The entry must be
   * enabled.
   */
  reserve(entry: Entry): Reservation;
  /** The entry must be enabled. Every event published from now on reaches the consumer, if it was reserved. */
  add<Connection>(connection: Connection, entry: Entry, principal: Principal, view: View<Connection>): Consumer;
  /** How many consumers of an instance have a filter that takes events of this type. */
  takers(instanceId: string, type: EventType): number;
  /** Tells that the connection is gone. It may be called again. */
  remove(consumer: Consumer): void;
  /** Tells that the connection took some of its bytes. */
  drained(consumer: Consumer): void;
  /** Tells that the peer answered our ping. */
  ponged(consumer: Consumer): void;
  /** Tells that the peer sent a ping and the transport answered it. */
  pinged(consumer: Consumer): void;
  /** Tells that the peer sent a whole message. */
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
  /** Most bytes that may wait for one consumer. With more, it is closed. */
  readonly pendingBytesMax: number;
  /**
   * Most bytes that may wait for all consumers together. With more, the consumers for which the most waits are closed,
   * one after the other.
   */
  readonly waitingBytesMax?: number;
  /** How long a blocked consumer has until it can be told its close reason. Then it is cut. 60 s by default. */
  readonly closeGraceMs?: number;
  /** Silence after which a peer counts as gone, in seconds; 48 by default. */
  readonly idleSeconds?: number;
  /** Told of every connection that the hub has closed. */
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
  /** The consumers to close after the frames of this turn. */
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

  /** Older frames first: the parked frames of a drained consumer go before the frames of this turn. */
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

  /** From now on the consumer gets only its close reason. Does nothing when it is closed already. */
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
