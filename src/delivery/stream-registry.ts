/**
 * Knows the streams of a node, by instance. The streams of an instance exist for as long as a consumer or a reservation
 * needs them.
 */

import type { Bus, Event } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import type { Consumer } from "./consumer.js";
import type { Frame } from "./frames/frame.js";
import { InstanceStreams, type InstanceStreamsOptions } from "./instance-streams.js";
import type { Stream } from "./stream.js";
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
  readonly #options: InstanceStreamsOptions;
  readonly #receive: (to: InstanceStreams, event: Event) => void;
  readonly #instances = new Map<string, InstanceStreams>();

  constructor(bus: Bus, options: InstanceStreamsOptions, receive: (to: InstanceStreams, event: Event) => void) {
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
    return this.#streamsOf(entry).streamOf(view);
  }

  /**
   * The stream with the view of another one, but for its types. It is created when there is none; then a consumer must change to
   * it, or `endIfEmpty` be called.
   */
  sibling(stream: Stream, types: number): Stream {
    const instance = this.#instances.get(stream.instanceId) as InstanceStreams;
    return types === stream.view.types ? stream : instance.streamOf({ ...stream.view, types });
  }

  /** See `Consumer.change`. False when too much waits for the consumer now. */
  change(consumer: Consumer, to: Stream, frame: Frame): boolean {
    return (this.#instances.get(to.instanceId) as InstanceStreams).change(consumer, to, frame);
  }

  /** Ends a stream that a consumer did not change to after all. */
  endIfEmpty(stream: Stream): void {
    const instance = this.#instances.get(stream.instanceId);
    if (instance === undefined) return;
    instance.endIfEmpty(stream);
    this.#endIfUnused(stream.instanceId, instance);
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
