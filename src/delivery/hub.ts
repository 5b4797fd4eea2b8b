/** The hub of a node takes events from the bus and gives their frames to the consumers of the node, once per turn. */

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

/** How many ms a connection may take no byte, or stay blocked after its close was decided. Then the hub cuts it. */
const closeGraceMsDefault = 60_000;
const idleSecondsDefault = 48;
/** How many ms a node that shuts down waits for a consumer that has to read up to its close reason. */
export const shutdownGraceMs = 5_000;

/**
 * Most bytes of unread pongs that wait for one peer. The bytes of a broadcast count too until delivery has checked the
 * peer's connection.
 */
const pongBytesMax = 256 * 1024;

/** What the hub has counted since it was created. Metrics read these numbers when they are scraped. */
export interface HubStats {
  consumers: number;
  /** How many events the bus gave to this node. */
  events: number;
  /** How many events from the bus gave no frame, because no stream's filter took them. */
  filtered: number;
  /** How many frames were built. An event gives one frame for each stream whose filter takes it. */
  framesBuilt: number;
  /** How many frames all consumers got, in sum. A frame that waits for a blocked consumer counts too. */
  framesDelivered: number;
  /** How many connections the gateway closed, by close code. */
  readonly closes: Map<number, number>;
}

export interface Hub extends DirectoryListener {
  readonly stats: Readonly<HubStats>;
  /**
   * Makes the events of an instance come to this node. Call it before `add`. The channel in `entry` must be enabled.
   */
  reserve(entry: Entry): Reservation;
  /**
   * Adds a consumer, which gets every event from now on if its instance was reserved. The channel in `entry` must be
   * enabled.
   */
  add<Connection>(connection: Connection, entry: Entry, principal: Principal, view: View<Connection>): Consumer;
  /** Returns how many consumers of an instance have a filter that takes events of this type. */
  takers(instanceId: string, type: EventType): number;
  /** Tells the hub that the connection of a consumer is gone. A second call does nothing. */
  remove(consumer: Consumer): void;
  /** Tells the hub that the connection of a consumer took some of its waiting bytes. */
  drained(consumer: Consumer): void;
  /** Tells the hub that the peer of a consumer answered a ping of the gateway. */
  ponged(consumer: Consumer): void;
  /** Tells the hub that a consumer's peer sent a ping, and that the transport answered with a pong. */
  pinged(consumer: Consumer): void;
  /** Tells the hub that the peer of a consumer sent a whole message. */
  heard(consumer: Consumer): void;
  /** Closes one consumer. Its peer is sent the reason as soon as it can read it, or is cut if it does not read. */
  end(consumer: Consumer, close: Close): void;
  /**
   * Closes every consumer, in random order over at most `overMs` ms (see `drainSchedule`). Open consumers still get
   * events. A consumer that is added meanwhile is closed at the end. Resolves when every consumer was sent its reason
   * or was cut, at most `shutdownGraceMs` after the last close.
   */
  close(close: Close, overMs: number): Promise<void>;
}

export interface HubOptions {
  readonly bus: Bus;
  /** Most bytes that may wait for one consumer. The hub closes a consumer for which more bytes would wait. */
  readonly pendingBytesMax: number;
  /**
   * Most bytes that may wait for all consumers together; no limit by default. With more, the hub closes consumers one
   * after the other, first the consumer for which the most bytes wait.
   */
  readonly waitingBytesMax?: number;
  /**
   * How many ms a connection may take no byte, or stay blocked after its close was decided. Then the hub cuts the
   * connection. 60,000 by default.
   */
  readonly closeGraceMs?: number;
  /** How many seconds a peer may be silent. Then the hub cuts the connection. 48 by default. */
  readonly idleSeconds?: number;
  /** Called for every connection that the hub has closed. */
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
  /** The streams that have frames to give in this turn of the event loop. */
  let touched: Stream[] = [];
  /** The consumers whose connection took waiting bytes in this turn of the event loop. */
  let drained: Consumer[] = [];
  /** The closes to start at the end of this turn, after the frames of the turn were given. */
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

  /** Gives the frames of a turn. A drained consumer first gets the older frames that waited for it. */
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

  /** Closes a consumer. From now on it gets only its close reason. A second call does nothing. */
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
        // Wait one turn more: a transport may send a close reason only after its own handler has returned.
        onEmpty = () => setImmediate(resolve);
      });
    },
  };
}
