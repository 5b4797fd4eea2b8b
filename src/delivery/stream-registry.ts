/**
 * Knows the streams of a node, by instance. The streams of an instance exist for as long as a consumer or a reservation
 * needs them.
 */

import type { Bus, Event } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import type { Consumer } from "./consumer.js";
import { InstanceStreams } from "./instance-streams.js";
import type { Stream, StreamOptions } from "./stream.js";
import type { View } from "./view.js";

/**
 * Makes the events of an instance come to this node before its consumer is added. Release the reservation when the
 * connection is open, or when it is certain that the connection will not open.
 */
export interface Reservation {
  /**
   * Resolves when this node gets every event of the instance that any node publishes from then on. Undefined when that
   * is so already. Never rejects.
   */
  readonly inForce: Promise<void> | undefined;
  release(): void;
}

export class StreamRegistry {
  readonly #bus: Bus;
  readonly #options: StreamOptions;
  readonly #receive: (to: InstanceStreams, event: Event) => void;
  readonly #instances = new Map<string, InstanceStreams>();

  constructor(bus: Bus, options: StreamOptions, receive: (to: InstanceStreams, event: Event) => void) {
    this.#bus = bus;
    this.#options = options;
    this.#receive = receive;
  }

  instance(instanceId: string): InstanceStreams | undefined {
    return this.#instances.get(instanceId);
  }

  /**
   * Returns the stream of an instance and a view. Creates the stream when there is none; then add a consumer to it at
   * once.
   */
  streamOf(entry: Entry, view: View): Stream {
    return this.#streamsOf(entry).streamOf(entry, view);
  }

  reserve(entry: Entry): Reservation {
    const instance = this.#streamsOf(entry);
    instance.reservations++;
    return {
      inForce: instance.inForce,
      release: () => {
        instance.reservations--;
        this.#endIfUnused(entry.instance.id, instance);
      },
    };
  }

  /** Takes a consumer out of its stream. False when the consumer had left before. */
  leave(consumer: Consumer): boolean {
    const { instanceId } = consumer.stream;
    const instance = this.#instances.get(instanceId);
    if (instance === undefined || !instance.leave(consumer)) return false;
    this.#endIfUnused(instanceId, instance);
    return true;
  }

  ofAccount(accountId: string): string[] {
    return [...this.#instances].filter(([, instance]) => instance.accountId === accountId).map(([id]) => id);
  }

  everyone(): Consumer[] {
    return [...this.#instances.values()].flatMap(({ consumers }) => consumers);
  }

  #streamsOf(entry: Entry): InstanceStreams {
    const { id } = entry.instance;
    const known = this.#instances.get(id);
    if (known !== undefined) return known;
    const instance = new InstanceStreams(entry, this.#bus, this.#options, this.#receive);
    this.#instances.set(id, instance);
    return instance;
  }

  #endIfUnused(instanceId: string, instance: InstanceStreams): void {
    if (!instance.unused) return;
    instance.stop();
    this.#instances.delete(instanceId);
  }
}
