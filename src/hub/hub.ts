/** This node's subscribers by instance: takes events from the bus, gives frames to sockets once per turn. */

import type { Bus, Event } from "../bus/bus.js";
import type { DirectoryListener, Entry } from "../directory/directory.js";
import type { EventType } from "../domain/event-type.js";
import type { Principal } from "../domain/instance.js";
import { type Close, instanceDeleted, peerGone, pongsUnread, slowConsumer, tokenRevoked } from "./close.js";
import { type ClosedSocket, Closings } from "./closings.js";
import { Copies } from "./copies.js";
import type { Group, GroupOptions } from "./group.js";
import { Heartbeat } from "./heartbeat.js";
import { Memberships, type Reservation } from "./memberships.js";
import { pace, shuffle } from "./pace.js";
import type { Socket } from "./socket.js";
import { Subscriber } from "./subscriber.js";
import { Waiting } from "./waiting.js";

/** In ms: how long a blocked socket has by default until its close frame can be written; then it is cut. */
const closeGraceMsDefault = 60_000;
const idleSecondsDefault = 48;
/** In ms: what both are when the node shuts down. */
export const shutdownGraceMs = 5_000;

/** Of pongs that a peer does not read. A broadcast that was not looked at yet is counted among them, 64 KiB. */
const pongBytesMax = 256 * 1024;

/** Plain numbers, read when metrics are scraped. */
export interface HubStats {
  sockets: number;
  /** Events that came from the bus, that is: somebody is connected to their instance. */
  events: number;
  /** Of those, the ones that the filter did not take; nothing was built for them. */
  filtered: number;
  framesBuilt: number;
  /** Frames handed to sockets or parked for them. */
  framesDelivered: number;
  /** Sockets that the gateway closed, by close code. */
  readonly closes: Map<number, number>;
}

export interface Hub extends DirectoryListener {
  readonly stats: Readonly<HubStats>;
  /** Ahead of a socket: makes sure that events of the instance come to this node. The entry must be enabled. */
  reserve(entry: Entry): Reservation;
  /** The entry must be enabled. Every event published from now on reaches the socket, if it was reserved. */
  add(socket: Socket, entry: Entry, principal: Principal): Subscriber;
  /** How many sockets of an instance have a filter that takes events of this type. */
  takers(instanceId: string, type: EventType): number;
  /** For the socket's close handler. Idempotent. */
  remove(subscriber: Subscriber): void;
  /** For the socket's drain handler. */
  drained(subscriber: Subscriber): void;
  /** For its handler of pongs that answer our ping. */
  ponged(subscriber: Subscriber): void;
  /** For the socket's ping handler. */
  pinged(subscriber: Subscriber): void;
  /** For its handler of whole messages. */
  heard(subscriber: Subscriber): void;
  /** Closes one socket: with its close frame, once that can be read, or without. */
  end(subscriber: Subscriber, close: Close): void;
  /**
   * Closes every socket: in random order, spread over at most `overMs` (see `pace`); those that are still open get
   * their events, and one that is added meanwhile goes with the last. Resolves when all are gone, `shutdownGraceMs` after
   * the last close at the latest.
   */
  close(close: Close, overMs: number): Promise<void>;
}

export interface HubOptions extends Omit<GroupOptions, "waiting"> {
  readonly bus: Bus;
  /** Of all sockets of the hub, and of no other. */
  readonly copies?: Copies;
  /** In bytes, of all sockets together. More waiting ends those that the most waits for, one after the other. */
  readonly waitingBytesMax?: number;
  /** How long a blocked socket has until its close frame can be written; then it is cut. 60 s by default. */
  readonly closeGraceMs?: number;
  /** Silence after which a peer counts as gone, in seconds; 48 by default. */
  readonly idleSeconds?: number;
  /** Hears of every socket that the hub has closed. */
  readonly onClosed?: (closed: ClosedSocket) => void;
}

export function createHub({ bus, copies = new Copies(), ...options }: HubOptions): Hub {
  const { closeGraceMs = closeGraceMsDefault, idleSeconds = idleSecondsDefault, onClosed = () => {} } = options;
  const waiting = new Waiting(copies, options.waitingBytesMax ?? Number.POSITIVE_INFINITY);
  const memberships = new Memberships(bus, { ...options, waiting }, receive);
  const stats: HubStats = {
    sockets: 0,
    events: 0,
    filtered: 0,
    framesBuilt: 0,
    framesDelivered: 0,
    closes: new Map(),
  };
  /** Groups that have frames to give, and sockets that drained in this turn of the event loop. */
  let touched: Group[] = [];
  let drained: Subscriber[] = [];
  /** What is to be closed behind the frames of this turn. */
  let endings: (() => void)[] = [];
  let scheduled = false;
  const closings = new Closings(closeGraceMs, onClosed);
  const heartbeat = new Heartbeat({
    idleSeconds,
    blockedSeconds: closeGraceMs / 1000,
    onGone: (subscriber) => closeSubscriber(subscriber, peerGone),
    onDrained: drain,
  });
  let onEmpty: (() => void) | undefined;

  function receive(group: Group, event: Event): void {
    stats.events++;
    const first = group.idle;
    if (!group.accept(event)) {
      stats.filtered++;
      return;
    }
    stats.framesBuilt++;
    if (first) touched.push(group);
    schedule();
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  }

  /** Older frames first: what a drained socket had parked goes before what this turn brought. */
  function flush(): void {
    scheduled = false;
    const resuming = drained;
    drained = [];
    for (const subscriber of resuming) resume(subscriber);
    const groups = touched;
    touched = [];
    const due = endings;
    endings = [];
    for (const group of groups) {
      stats.framesDelivered += group.flush(due.length > 0, closeSlow);
      if (!group.idle) touched.push(group);
    }
    if (waiting.tooMuch) relieve();
    if (touched.length > 0) schedule();
    for (const end of due) end();
  }

  function atEndOfTurn(end: () => void): void {
    endings.push(end);
    schedule();
  }

  function drain(subscriber: Subscriber): void {
    subscriber.silence = 0;
    drained.push(subscriber);
    schedule();
  }

  function resume(subscriber: Subscriber): void {
    if (!subscriber.open) return;
    subscriber.resume();
    closings.proceed(subscriber);
  }

  /** From here on the socket gets nothing but the close frame. Nothing when it is closed already. */
  function closeSubscriber(subscriber: Subscriber, close: Close): void {
    const { instanceId } = subscriber;
    const group = memberships.group(instanceId);
    if (group === undefined || !memberships.leave(subscriber)) return;
    stats.closes.set(close.code, (stats.closes.get(close.code) ?? 0) + 1);
    closings.start(subscriber, close, { instanceId, instance: group.name, ...subscriber.describe() });
  }

  function closeSlow(subscriber: Subscriber): void {
    closeSubscriber(subscriber, slowConsumer);
  }

  function relieve(): void {
    for (const subscriber of waiting.largestFirst()) {
      closeSlow(subscriber);
      if (!waiting.tooMuch) return;
    }
  }

  function closeGroup(instanceId: string, close: Close, whom: (subscriber: Subscriber) => boolean): void {
    const subscribers = memberships.group(instanceId)?.subscribers ?? [];
    for (const subscriber of subscribers.filter(whom)) closeSubscriber(subscriber, close);
  }

  function closeAll(subscribers: readonly Subscriber[], close: Close): void {
    atEndOfTurn(() => {
      for (const subscriber of subscribers) closeSubscriber(subscriber, close);
    });
  }

  return {
    stats,

    reserve: (entry) => memberships.reserve(entry),

    add(socket, entry, principal) {
      const instanceId = entry.instance.id;
      const group = memberships.groupOf(entry);
      const subscriber = new Subscriber(socket, waiting, group.log, instanceId, principal, group.ahead);
      group.add(subscriber);
      heartbeat.add(subscriber);
      copies.limitFor(++stats.sockets);
      return subscriber;
    },

    takers: (instanceId, type) => memberships.group(instanceId)?.takers(type) ?? 0,

    remove(subscriber) {
      if (!subscriber.open) return;
      subscriber.gone();
      memberships.leave(subscriber);
      heartbeat.remove(subscriber);
      closings.gone(subscriber);
      copies.limitFor(--stats.sockets);
      if (stats.sockets === 0) onEmpty?.();
    },

    drained: drain,

    ponged(subscriber) {
      subscriber.silence = 0;
      subscriber.answered();
      closings.proceed(subscriber);
    },

    pinged(subscriber) {
      subscriber.silence = 0;
      if (subscriber.unasked <= pongBytesMax) return;
      closeSubscriber(subscriber, pongsUnread);
      closings.giveUp(subscriber);
    },

    heard(subscriber) {
      subscriber.silence = 0;
    },

    end: closeSubscriber,

    instanceChanged(entry) {
      memberships.group(entry.instance.id)?.configure(entry);
    },

    instanceDeleted(instanceId) {
      atEndOfTurn(() => closeGroup(instanceId, instanceDeleted, () => true));
    },

    principalRevoked(principal) {
      atEndOfTurn(() => {
        const ids = principal.kind === "instance" ? [principal.id] : memberships.ofAccount(principal.accountId);
        for (const id of ids) closeGroup(id, tokenRevoked, (subscriber) => subscriber.principal === principal);
      });
    },

    async close(close, overMs) {
      const leaving = shuffle(memberships.everyone());
      let closed = 0;
      for await (const due of pace(leaving.length, overMs)) {
        if (stats.sockets === 0) return;
        closeAll(leaving.slice(closed, due), close);
        closed = due;
      }
      closeAll(memberships.everyone(), close);
      atEndOfTurn(() => closings.hurry(shutdownGraceMs));
      if (stats.sockets === 0) return;
      await new Promise<void>((resolve) => {
        // uWebSockets sends what a handler wrote, as the last close frame after a pong, when the handler has returned.
        onEmpty = () => setImmediate(resolve);
      });
    },
  };
}
