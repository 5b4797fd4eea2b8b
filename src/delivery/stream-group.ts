/**
 * The streams of one instance, or those of a whole account. There is one stream for each view of a consumer. The bus feeds the
 * streams of plain formats. The history, if there is one, feeds the streams of formats with control frames.
 */

import type { Event, Subscription } from "../bus/bus.js";
import type { Following, History, HistoryScope, ResumeRefusal } from "../history/history.js";
import type { Consumer } from "./consumer.js";
import type { ControlStreams } from "./control-streams.js";
import type { Selection } from "./selection.js";
import { Stream, type StreamOptions } from "./stream.js";
import { sameView, type View } from "./view.js";

export interface StreamGroupOptions extends StreamOptions {
  /** The streams with control frames, of all groups of the node. */
  readonly controls: ControlStreams;
  /** Undefined when no history is kept. */
  readonly history: History | undefined;
  /** Gives an event from the bus to the streams of a group. */
  readonly receive: (to: StreamGroup, event: Event) => void;
  /** Gives an event from the history to the streams of a group. */
  readonly receiveKept: (to: StreamGroup, event: Event, position: string | undefined) => void;
}

/** What the report of a closed connection names: one instance, or a whole account. */
export type Whose = { readonly instanceId: string; readonly instance: string } | { readonly accountId: string };

/** What `hello` tells of the group: see HelloFrame. */
export interface Introduction {
  readonly instance: string;
  readonly version: number;
}

/** Whether a consumer can go on after a position: see `Following.resume`. `off`: no history is kept. */
export type GroupResume =
  | { readonly after: number }
  | { readonly refusal: ResumeRefusal | "off"; readonly from: number };

export abstract class StreamGroup<S extends Selection = Selection> {
  /**
   * The streams of the group, mostly only one. Each stream has at least one consumer, or a consumer is about to change to
   * the stream.
   */
  readonly streams: Stream<S>[] = [];
  /** The streams that the bus feeds. */
  readonly fromBus: Stream<S>[] = [];
  /** The streams that the history feeds. */
  readonly fromHistory: Stream<S>[] = [];
  /** How many reservations of this group are not released yet. */
  reservations = 0;
  /** The id of the instance or of the account. */
  abstract readonly id: string;
  abstract readonly accountId: string;
  abstract readonly whose: Whose;
  abstract readonly introduction: Introduction;
  protected abstract readonly historyScope: HistoryScope;
  protected abstract readonly subscription: Subscription;
  readonly #options: StreamGroupOptions;
  /** Present while the group has streams that the history feeds, or a reservation for such a stream. */
  #following: Following | undefined;
  #historyReservations = 0;
  /** How many streams were created so far. The number makes the topic of each stream unique. */
  #made = 0;

  constructor(options: StreamGroupOptions) {
    this.#options = options;
  }

  /** Throws AppError when not all events of the group would come, although the subscription is in force. */
  abstract check(): void;

  protected abstract select(view: View): S;

  get following(): Following | undefined {
    return this.#following;
  }

  /** The position up to which the streams were given everything. Undefined when the events have no positions. */
  get position(): string | undefined {
    return this.#following?.position;
  }

  /**
   * Resolves when this node gets every event of the group that any node publishes from then on, `withHistory` from the
   * history too. Undefined when that is so already. Never rejects.
   */
  inForce(withHistory: boolean): Promise<void> | undefined {
    const ofBus = this.subscription.inForce;
    const ofHistory = withHistory ? this.#following?.inForce : undefined;
    if (ofBus === undefined || ofHistory === undefined) return ofBus ?? ofHistory;
    return Promise.all([ofBus, ofHistory]).then(() => undefined);
  }

  /** Whether the group has neither a stream nor a reservation. */
  get unused(): boolean {
    return this.streams.length === 0 && this.reservations === 0;
  }

  /** Makes the events of the history come, until `releaseHistory`. Does nothing when no history is kept. */
  reserveHistory(): void {
    this.#historyReservations++;
    this.#follow();
  }

  releaseHistory(): void {
    this.#historyReservations--;
    this.#unfollowIfUnused();
  }

  resume(position: string): GroupResume {
    return this.#following?.resume(position) ?? { refusal: "off", from: 0 };
  }

  /** Returns the stream of a view. Creates the stream when there is none. */
  streamOf(view: View): Stream {
    const known = this.streams.find((stream) => sameView(stream.view, view));
    if (known !== undefined) return known;
    const stream = new Stream(this, this.select(view), view, `${this.id}/${this.#made++}`, this.#options);
    this.streams.push(stream);
    if (stream.hasControls) this.#follow();
    const fed = stream.hasControls && this.#following !== undefined ? this.fromHistory : this.fromBus;
    fed.push(stream);
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
    if (stream.consumers.length + stream.replaying.size > 0 || stream.pending.held) return;
    if (!without(this.streams, stream)) return;
    without(this.fromBus, stream);
    without(this.fromHistory, stream);
    this.#options.controls.delete(stream);
    this.#unfollowIfUnused();
  }

  get consumers(): Consumer[] {
    return this.streams.flatMap(({ consumers, replaying }) => [...consumers, ...replaying]);
  }

  /** Ends the subscription on the bus. From now on the streams get no events. */
  stop(): void {
    this.subscription.stop();
  }

  #follow(): void {
    const { history, receiveKept } = this.#options;
    this.#following ??= history?.follow(this.historyScope, (event, position) => receiveKept(this, event, position));
  }

  #unfollowIfUnused(): void {
    if (this.fromHistory.length + this.#historyReservations > 0) return;
    this.#following?.stop();
    this.#following = undefined;
  }
}

/** Takes a stream out of a list. False when it is not in the list. */
function without(streams: Stream[], stream: Stream): boolean {
  const index = streams.indexOf(stream);
  if (index === -1) return false;
  streams.splice(index, 1);
  return true;
}
