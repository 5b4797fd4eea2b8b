/** This node's subscribers by instance: takes events from the bus, gives frames to sockets once per turn. */

import type { Bus, Event, Subscription } from "../bus/bus.js";
import type { DirectoryListener, Entry } from "../directory/directory.js";
import type { EventType } from "../domain/event-type.js";
import type { Principal } from "../domain/instance.js";
import { type Close, instanceDeleted, slowConsumer, tokenRevoked } from "./close.js";
import { Copies } from "./copies.js";
import { Group, type GroupOptions } from "./group.js";
import { pace, shuffle } from "./pace.js";
import type { Socket } from "./socket.js";
import { Subscriber } from "./subscriber.js";

/** How long a blocked socket has to drain and read why it is closed, before it is cut. */
export const closeGraceMs = 5_000;

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
  /**
   * Closes every socket: in random order, spread over at most `overMs` (see `pace`); those that are still open get
   * their events, and one that is added meanwhile goes with the last. Resolves when all are gone, `closeGraceMs` after
   * the last close at the latest.
   */
  close(close: Close, overMs: number): Promise<void>;
}

/** To be released when the socket is open, or will not be. */
export interface Reservation {
  /** Resolves when the next event, published on whatever node, would come; undefined when it would already. Never rejects. */
  readonly inForce: Promise<void> | undefined;
  release(): void;
}

interface Membership {
  readonly group: Group;
  readonly subscription: Subscription;
  reservations: number;
}

export interface HubOptions extends GroupOptions {
  readonly bus: Bus;
  /** Of all sockets of the hub, and of no other. */
  readonly copies?: Copies;
}

export function createHub({ bus, copies = new Copies(), ...options }: HubOptions): Hub {
  const memberships = new Map<string, Membership>();
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
  /** Blocked sockets that are being closed. */
  const closing = new Map<Subscriber, { close: Close; cut: NodeJS.Timeout }>();
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
    if (touched.length > 0) schedule();
    for (const end of due) end();
  }

  function atEndOfTurn(end: () => void): void {
    endings.push(end);
    schedule();
  }

  function resume(subscriber: Subscriber): void {
    if (!subscriber.open) return;
    subscriber.resume();
    const ending = closing.get(subscriber);
    if (ending !== undefined && !subscriber.blocked) subscriber.end(ending.close);
  }

  /** From here on the socket gets nothing but the close frame, and if it does not drain in time not even that. */
  function closeSubscriber(subscriber: Subscriber, close: Close): void {
    if (!leave(subscriber)) return;
    stats.closes.set(close.code, (stats.closes.get(close.code) ?? 0) + 1);
    if (subscriber.blocked) {
      subscriber.drop();
      closing.set(subscriber, { close, cut: setTimeout(() => subscriber.cut(), closeGraceMs) });
    } else {
      subscriber.end(close);
    }
  }

  function closeSlow(subscriber: Subscriber): void {
    closeSubscriber(subscriber, slowConsumer);
  }

  function closeGroup(instanceId: string, close: Close, whom: (subscriber: Subscriber) => boolean): void {
    const subscribers = memberships.get(instanceId)?.group.subscribers ?? [];
    for (const subscriber of subscribers.filter(whom)) closeSubscriber(subscriber, close);
  }

  function everyone(): Subscriber[] {
    return [...memberships.values()].flatMap(({ group }) => group.subscribers);
  }

  function closeAll(subscribers: readonly Subscriber[], close: Close): void {
    atEndOfTurn(() => {
      for (const subscriber of subscribers) closeSubscriber(subscriber, close);
    });
  }

  /** False: it had left already. */
  function leave(subscriber: Subscriber): boolean {
    const membership = memberships.get(subscriber.instanceId);
    if (membership === undefined || !membership.group.remove(subscriber)) return false;
    endIfUnused(subscriber.instanceId, membership);
    return true;
  }

  function membershipOf(entry: Entry): Membership {
    const known = memberships.get(entry.instance.id);
    if (known !== undefined) return known;
    const group = new Group(entry, options);
    const subscription = bus.subscribe(entry.instance.id, (event) => receive(group, event));
    const membership = { group, subscription, reservations: 0 };
    memberships.set(entry.instance.id, membership);
    return membership;
  }

  function endIfUnused(instanceId: string, { group, subscription, reservations }: Membership): void {
    if (group.subscribers.length > 0 || reservations > 0) return;
    subscription.stop();
    memberships.delete(instanceId);
  }

  return {
    stats,

    reserve(entry) {
      const membership = membershipOf(entry);
      membership.reservations++;
      return {
        inForce: membership.subscription.inForce,
        release() {
          membership.reservations--;
          endIfUnused(entry.instance.id, membership);
        },
      };
    },

    add(socket, entry, principal) {
      const instanceId = entry.instance.id;
      const { group } = membershipOf(entry);
      const subscriber = new Subscriber(socket, copies, group.log, instanceId, principal);
      group.add(subscriber);
      copies.limitFor(++stats.sockets);
      return subscriber;
    },

    takers: (instanceId, type) => memberships.get(instanceId)?.group.takers(type) ?? 0,

    remove(subscriber) {
      if (!subscriber.open) return;
      subscriber.gone();
      leave(subscriber);
      clearTimeout(closing.get(subscriber)?.cut);
      closing.delete(subscriber);
      copies.limitFor(--stats.sockets);
      if (stats.sockets === 0) onEmpty?.();
    },

    drained(subscriber) {
      drained.push(subscriber);
      schedule();
    },

    instanceChanged(entry) {
      memberships.get(entry.instance.id)?.group.configure(entry);
    },

    instanceDeleted(instanceId) {
      atEndOfTurn(() => closeGroup(instanceId, instanceDeleted, () => true));
    },

    principalRevoked(principal) {
      atEndOfTurn(() => {
        const ids =
          principal.kind === "instance"
            ? [principal.id]
            : [...memberships].filter(([, { group }]) => group.accountId === principal.accountId).map(([id]) => id);
        for (const id of ids) closeGroup(id, tokenRevoked, (subscriber) => subscriber.principal === principal);
      });
    },

    async close(close, overMs) {
      const leaving = shuffle(everyone());
      let closed = 0;
      for await (const due of pace(leaving.length, overMs)) {
        if (stats.sockets === 0) return;
        closeAll(leaving.slice(closed, due), close);
        closed = due;
      }
      closeAll(everyone(), close);
      if (stats.sockets === 0) return;
      await new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
    },
  };
}
