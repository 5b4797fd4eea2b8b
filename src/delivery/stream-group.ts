/**
 * The streams that one subscription on the bus feeds: those of an instance, or those of a whole account. There is one stream
 * for each view of a consumer.
 */

import type { Event, Subscription } from "../bus/bus.js";
import type { Consumer } from "./consumer.js";
import type { ControlStreams } from "./control-streams.js";
import type { Selection } from "./selection.js";
import { Stream, type StreamOptions } from "./stream.js";
import { sameView, type View } from "./view.js";

export interface StreamGroupOptions extends StreamOptions {
  /** The streams with control frames, of all groups of the node. */
  readonly controls: ControlStreams;
}

/** Gives an event to the streams of a group. */
export type Receive = (to: StreamGroup, event: Event) => void;

/** What the report of a closed connection names: one instance, or a whole account. */
export type Whose = { readonly instanceId: string; readonly instance: string } | { readonly accountId: string };

/** What `hello` tells of the group: see HelloFrame. */
export interface Introduction {
  readonly instance: string;
  readonly version: number;
}

export abstract class StreamGroup<S extends Selection = Selection> {
  /**
   * The streams of the group, mostly only one. Each stream has at least one consumer, or a consumer is about to change to
   * the stream.
   */
  readonly streams: Stream<S>[] = [];
  /** How many reservations of this group are not released yet. */
  reservations = 0;
  /** The id of the instance or of the account. */
  abstract readonly id: string;
  abstract readonly accountId: string;
  abstract readonly whose: Whose;
  abstract readonly introduction: Introduction;
  protected abstract readonly subscription: Subscription;
  readonly #options: StreamGroupOptions;
  /** How many streams were created so far. The number makes the topic of each stream unique. */
  #made = 0;

  constructor(options: StreamGroupOptions) {
    this.#options = options;
  }

  /** Throws AppError when not all events of the group would come, although the subscription is in force. */
  abstract check(): void;

  protected abstract select(view: View): S;

  /**
   * Resolves when this node gets every event of the group that any node publishes from then on. Undefined when that is so
   * already. Never rejects.
   */
  get inForce(): Promise<void> | undefined {
    return this.subscription.inForce;
  }

  /** Whether the group has neither a stream nor a reservation. */
  get unused(): boolean {
    return this.streams.length === 0 && this.reservations === 0;
  }

  /** Returns the stream of a view. Creates the stream when there is none. */
  streamOf(view: View): Stream {
    const known = this.streams.find((stream) => sameView(stream.view, view));
    if (known !== undefined) return known;
    const stream = new Stream(this, this.select(view), view, `${this.id}/${this.#made++}`, this.#options);
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

  /** Ends a stream that has no consumer. A stream with a narrowing under way does not end: a consumer may be about to change to it. */
  endIfEmpty(stream: Stream): void {
    const streams: readonly Stream[] = this.streams;
    const index = streams.indexOf(stream);
    if (index === -1 || stream.consumers.length > 0 || stream.pending.held) return;
    this.streams.splice(index, 1);
    this.#options.controls.delete(stream);
  }

  get consumers(): Consumer[] {
    return this.streams.flatMap(({ consumers }) => consumers);
  }

  /** Ends the subscription on the bus. From now on the streams get no events. */
  stop(): void {
    this.subscription.stop();
  }
}
