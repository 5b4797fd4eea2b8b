/**
 * The streams of one instance. There is one stream for each view of a consumer, and one subscription on the bus for all
 * streams.
 */

import type { Bus, Event, Subscription } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import type { EventType } from "../domain/event-type.js";
import { type Configuration, configurationOf } from "./configuration.js";
import type { Consumer } from "./consumer.js";
import type { ControlStreams } from "./control-streams.js";
import type { Frame } from "./frames/frame.js";
import { Stream, type StreamOptions } from "./stream.js";
import { sameView, type View } from "./view.js";

export interface InstanceStreamsOptions extends StreamOptions {
  /** The streams with control frames, of all instances of the node. */
  readonly controls: ControlStreams;
}

export class InstanceStreams {
  /**
   * The streams of the instance, mostly only one. Each stream has at least one consumer, or a consumer is about to change to the
   * stream.
   */
  readonly streams: Stream[] = [];
  /** How many reservations of this instance are not released yet. */
  reservations = 0;
  readonly #options: InstanceStreamsOptions;
  readonly #subscription: Subscription;
  /** How many streams were created so far. The number makes the topic of each stream unique. */
  #made = 0;
  #configuration: Configuration;

  constructor(
    entry: Entry,
    bus: Bus,
    options: InstanceStreamsOptions,
    receive: (to: InstanceStreams, event: Event) => void,
  ) {
    this.#configuration = configurationOf(entry);
    this.#options = options;
    this.#subscription = bus.subscribe(entry.instance, (event) => receive(this, event));
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

  get accountId(): string {
    return this.#configuration.instance.accountId;
  }

  /** The name of the instance. */
  get name(): string {
    return this.#configuration.instance.name;
  }

  /**
   * Gives a changed instance or channel configuration to all streams. The change takes effect for the next event. Returns the
   * streams whose consumers may have to be told.
   */
  configure(entry: Entry): readonly Stream[] {
    this.#configuration = configurationOf(entry, this.#configuration);
    return this.streams.filter((stream) => stream.configure(this.#configuration));
  }

  /** Returns the stream of a view. Creates the stream when there is none. */
  streamOf(view: View): Stream {
    const known = this.streams.find((stream) => sameView(stream.view, view));
    if (known !== undefined) return known;
    const { instance } = this.#configuration;
    const stream = new Stream(this.#configuration, view, `${instance.id}/${this.#made++}`, this.#options);
    this.streams.push(stream);
    this.#options.controls.add(stream);
    return stream;
  }

  /** Takes a consumer out of its stream. False when the consumer had left before. */
  leave(consumer: Consumer): boolean {
    const { stream } = consumer;
    if (!stream.remove(consumer)) return false;
    this.endIfEmpty(stream);
    return true;
  }

  /** Lets a consumer change its stream (see `Consumer.change`). False when too much waits for the consumer now. */
  change(consumer: Consumer, to: Stream, frame: Frame): boolean {
    const { stream: from } = consumer;
    if (to !== from) from.remove(consumer);
    consumer.change(to, frame);
    if (to !== from) to.take(consumer);
    this.endIfEmpty(from);
    return to.fits(consumer);
  }

  /** Ends a stream that has no consumer. */
  endIfEmpty(stream: Stream): void {
    const index = this.streams.indexOf(stream);
    if (index === -1 || stream.consumers.length > 0) return;
    this.streams.splice(index, 1);
    this.#options.controls.delete(stream);
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
