/**
 * The streams of one instance, one for each view that a consumer has, and the one subscription on the bus that feeds
 * them.
 */

import type { Bus, Event, Subscription } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import type { EventType } from "../domain/event-type.js";
import type { Consumer } from "./consumer.js";
import { Stream, type StreamOptions } from "./stream.js";
import { sameView, type View } from "./view.js";

export class InstanceStreams {
  readonly accountId: string;
  /** The instance's. */
  name: string;
  /** The streams. Each has at least one consumer. There are few streams, mostly one. */
  readonly streams: Stream[] = [];
  /** The number of consumers that are reserved but not added yet. */
  reservations = 0;
  readonly #options: StreamOptions;
  readonly #subscription: Subscription;
  /** Streams made so far: what makes a topic unique. */
  #made = 0;

  constructor(entry: Entry, bus: Bus, options: StreamOptions, receive: (to: InstanceStreams, event: Event) => void) {
    this.accountId = entry.instance.accountId;
    this.name = entry.instance.name;
    this.#options = options;
    this.#subscription = bus.subscribe(entry.instance.id, (event) => receive(this, event));
  }

  /** Resolves when the next event, published on whatever node, would come; undefined when it would already. Never rejects. */
  get inForce(): Promise<void> | undefined {
    return this.#subscription.inForce;
  }

  get unused(): boolean {
    return this.streams.length === 0 && this.reservations === 0;
  }

  /** Takes effect for the next event. */
  configure(entry: Entry): void {
    this.name = entry.instance.name;
    for (const stream of this.streams) stream.configure(entry);
  }

  /** The stream of a view. It is created when there is none. */
  streamOf(entry: Entry, view: View): Stream {
    const known = this.streams.find((stream) => sameView(stream.view, view));
    if (known !== undefined) return known;
    const stream = new Stream(entry, view, `${entry.instance.id}/${this.#made++}`, this.#options);
    this.streams.push(stream);
    return stream;
  }

  /** False when the consumer had left already. */
  leave(consumer: Consumer): boolean {
    const { stream } = consumer;
    if (!stream.remove(consumer)) return false;
    if (stream.consumers.length === 0) this.streams.splice(this.streams.indexOf(stream), 1);
    return true;
  }

  /** How many consumers have a filter that takes events of this type. */
  takers(type: EventType): number {
    let takers = 0;
    for (const stream of this.streams) takers += stream.takers(type);
    return takers;
  }

  get consumers(): Consumer[] {
    return this.streams.flatMap(({ consumers }) => consumers);
  }

  /** Gets no events from here on. */
  stop(): void {
    this.#subscription.stop();
  }
}
