/**
 * The streams of one instance. There is one stream for each view of a consumer, and one subscription on the bus for all
 * streams.
 */

import type { Bus, Event, Subscription } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import type { EventType } from "../domain/event-type.js";
import type { Consumer } from "./consumer.js";
import { Stream, type StreamOptions } from "./stream.js";
import { sameView, type View } from "./view.js";

export class InstanceStreams {
  readonly accountId: string;
  /** The name of the instance. */
  name: string;
  /** The streams of the instance, mostly only one. Each stream has at least one consumer. */
  readonly streams: Stream[] = [];
  /** How many reservations of this instance are not released yet. */
  reservations = 0;
  readonly #options: StreamOptions;
  readonly #subscription: Subscription;
  /** How many streams were created so far. The number makes the topic of each stream unique. */
  #made = 0;

  constructor(entry: Entry, bus: Bus, options: StreamOptions, receive: (to: InstanceStreams, event: Event) => void) {
    this.accountId = entry.instance.accountId;
    this.name = entry.instance.name;
    this.#options = options;
    this.#subscription = bus.subscribe(entry.instance.id, (event) => receive(this, event));
  }

  /**
   * Resolves when this node gets every event of the instance that any node publishes from then on. Undefined when that
   * is so already. Never rejects.
   */
  get inForce(): Promise<void> | undefined {
    return this.#subscription.inForce;
  }

  /** Whether the instance has neither a stream nor a reservation. */
  get unused(): boolean {
    return this.streams.length === 0 && this.reservations === 0;
  }

  /** Gives a changed instance or channel configuration to all streams. The change takes effect for the next event. */
  configure(entry: Entry): void {
    this.name = entry.instance.name;
    for (const stream of this.streams) stream.configure(entry);
  }

  /** Returns the stream of a view. Creates the stream when there is none. */
  streamOf(entry: Entry, view: View): Stream {
    const known = this.streams.find((stream) => sameView(stream.view, view));
    if (known !== undefined) return known;
    const stream = new Stream(entry, view, `${entry.instance.id}/${this.#made++}`, this.#options);
    this.streams.push(stream);
    return stream;
  }

  /** Takes a consumer out of its stream. False when the consumer had left before. */
  leave(consumer: Consumer): boolean {
    const { stream } = consumer;
    if (!stream.remove(consumer)) return false;
    if (stream.consumers.length === 0) this.streams.splice(this.streams.indexOf(stream), 1);
    return true;
  }

  /** Returns how many consumers of the instance have a filter that takes events of this type. */
  takers(type: EventType): number {
    let takers = 0;
    for (const stream of this.streams) takers += stream.takers(type);
    return takers;
  }

  get consumers(): Consumer[] {
    return this.streams.flatMap(({ consumers }) => consumers);
  }

  /** Ends the subscription on the bus. From now on the streams get no events. */
  stop(): void {
    this.#subscription.stop();
  }
}
