/** The groups of a node by instance, each with its subscription on the bus for as long as a socket needs it. */

import type { Bus, Event, Subscription } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import { Group, type GroupOptions } from "./group.js";
import type { Subscriber } from "./subscriber.js";

interface Membership {
  readonly group: Group;
  readonly subscription: Subscription;
  reservations: number;
}

/** To be released when the socket is open, or will not be. */
export interface Reservation {
  /** Resolves when the next event, published on whatever node, would come; undefined when it would already. Never rejects. */
  readonly inForce: Promise<void> | undefined;
  release(): void;
}

export class Memberships {
  readonly #bus: Bus;
  readonly #options: GroupOptions;
  readonly #receive: (group: Group, event: Event) => void;
  readonly #memberships = new Map<string, Membership>();

  constructor(bus: Bus, options: GroupOptions, receive: (group: Group, event: Event) => void) {
    this.#bus = bus;
    this.#options = options;
    this.#receive = receive;
  }

  group(instanceId: string): Group | undefined {
    return this.#memberships.get(instanceId)?.group;
  }

  /** Makes it when there is none. */
  groupOf(entry: Entry): Group {
    return this.#membershipOf(entry).group;
  }

  reserve(entry: Entry): Reservation {
    const membership = this.#membershipOf(entry);
    membership.reservations++;
    return {
      inForce: membership.subscription.inForce,
      release: () => {
        membership.reservations--;
        this.#endIfUnused(entry.instance.id, membership);
      },
    };
  }

  /** False: it had left already. */
  leave(subscriber: Subscriber): boolean {
    const membership = this.#memberships.get(subscriber.instanceId);
    if (membership === undefined || !membership.group.remove(subscriber)) return false;
    this.#endIfUnused(subscriber.instanceId, membership);
    return true;
  }

  ofAccount(accountId: string): string[] {
    return [...this.#memberships].filter(([, { group }]) => group.accountId === accountId).map(([id]) => id);
  }

  everyone(): Subscriber[] {
    return [...this.#memberships.values()].flatMap(({ group }) => group.subscribers);
  }

  #membershipOf(entry: Entry): Membership {
    const { id } = entry.instance;
    const known = this.#memberships.get(id);
    if (known !== undefined) return known;
    const group = new Group(entry, this.#options);
    const subscription = this.#bus.subscribe(id, (event) => this.#receive(group, event));
    const membership = { group, subscription, reservations: 0 };
    this.#memberships.set(id, membership);
    return membership;
  }

  #endIfUnused(instanceId: string, { group, subscription, reservations }: Membership): void {
    if (group.subscribers.length > 0 || reservations > 0) return;
    subscription.stop();
    this.#memberships.delete(instanceId);
  }
}
