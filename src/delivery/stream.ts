/** A stream: the consumers of one instance that have the same view. All of them see the same sequence of frames. */

import type { Event } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import { type EventType, eventTypeBit } from "../domain/event-type.js";
import { compileFilter, type Filter } from "../domain/filter.js";
import type { Consumer } from "./consumer.js";
import type { FanOut } from "./fan-out.js";
import { FrameLog } from "./frame-log.js";
import type { Frame, FrameBuilder } from "./frames/frame.js";
import { narrow, type View } from "./view.js";
import type { Waiting } from "./waiting.js";
import { splitIntoBatches, splitIntoPasses, type WriteBatch } from "./write-batch.js";

export interface StreamOptions {
  /** Most bytes that may wait for one consumer. A consumer for which more bytes would wait is closed. */
  readonly pendingBytesMax: number;
  /** Counts the bytes that wait for all blocked consumers of the hub. */
  readonly waiting: Waiting;
}

/**
 * Most frames of a stream that may wait for a later turn. When more frames wait, the stream writes the oldest of them
 * to each consumer in this turn. Such writes cost more than a broadcast, and so they hold up a producer that publishes
 * faster than the consumers are served. After any pause of the process a few hundred frames wait. With a limit that
 * low, the stream would never catch up.
 */
const carriedMax = 2048;

export class Stream {
  /**
   * The consumers of the stream, in no order. When a consumer is removed, the last consumer takes its place in the
   * list.
   */
  readonly consumers: Consumer[] = [];
  readonly instanceId: string;
  readonly view: View;
  readonly fanOut: FanOut<unknown>;
  readonly log: FrameLog;
  readonly waiting: Waiting;
  /** The name of the stream in the broadcasts of its fan-out. No other stream of the node has this name. */
  readonly topic: string;
  readonly #pendingBytesMax: number;
  /**
   * The filter of the last enabled channel configuration. After the channel is disabled, open connections still get
   * exactly what this filter takes.
   */
  #filter: Filter | undefined;
  /** Builds the frames of the stream. `configure` sets the builder, and the constructor calls `configure`. */
  #build!: FrameBuilder;
  /** The frames that the stream has accepted and not given to its consumers yet. */
  #pending: Frame[] = [];
  /**
   * Consumers that joined while older frames still waited for their turn. Such a consumer must not get these frames. It
   * joins the broadcasts after them.
   */
  readonly #late = new Set<Consumer>();
  /**
   * Whether the consumers have joined the broadcast topic of the stream. They join at the first broadcast, since large
   * frames cost more for a connection that has joined a topic.
   */
  #broadcasting = false;
  /** The last broadcast, until the stream has asked every connection whether it took this broadcast. */
  #unchecked: WriteBatch | undefined;

  constructor(entry: Entry, view: View, topic: string, { pendingBytesMax, waiting }: StreamOptions) {
    this.instanceId = entry.instance.id;
    this.view = view;
    this.fanOut = view.fanOut;
    this.topic = topic;
    this.waiting = waiting;
    this.log = new FrameLog(waiting);
    this.#pendingBytesMax = pendingBytesMax;
    this.configure(entry);
  }

  /** Takes a changed instance or channel configuration over. The change takes effect for the next event. */
  configure({ instance, websocket }: Entry): void {
    this.#build = this.view.format.builderFor(instance);
    if (websocket?.enabled) this.#filter = narrow(compileFilter(websocket), this.view);
  }

  /** Adds a consumer to the stream. The consumer gets the events that are accepted from now on. */
  add(consumer: Consumer): void {
    consumer.index = this.consumers.push(consumer) - 1;
    if (!this.idle) this.#late.add(consumer);
    else if (this.#broadcasting) consumer.joinBroadcasts();
  }

  /** Removes a consumer from the stream. False when the consumer was removed before. */
  remove(consumer: Consumer): boolean {
    const { index } = consumer;
    if (index === -1) return false;
    consumer.index = -1;
    this.#late.delete(consumer);
    const last = this.consumers.pop() as Consumer;
    if (last !== consumer) {
      this.consumers[index] = last;
      last.index = index;
    }
    return true;
  }

  /** How many frames the stream has accepted and not given to any consumer yet. */
  get ahead(): number {
    return this.#pending.length;
  }

  /** Whether no frame waits to be given to the consumers. */
  get idle(): boolean {
    return this.#pending.length === 0;
  }

  /** Returns how many consumers of the stream have a filter that takes events of this type. */
  takers(type: EventType): number {
    return takes(this.#filter, type) ? this.consumers.length : 0;
  }

  /**
   * Builds the frame of an event, once for all consumers, if the stream's filter takes the event. The frame waits for
   * the end of the turn. False when the filter does not take the event.
   */
  accept(event: Event): boolean {
    const filter = this.#filter;
    if (filter === undefined || !takes(filter, event.type)) return false;
    this.#pending.push(this.#build(event, filter.mediaBase64));
    return true;
  }

  /**
   * Gives every consumer the frames that wait: all of them if `all` is true, else as many as the fan-out plans for one
   * turn. `idle` is false when some frames are left. Calls `onSlow` for each consumer that has to be closed as a slow
   * consumer. Returns how many frames were handed over or kept for blocked consumers, summed over all consumers.
   */
  flush(all: boolean, onSlow: (consumer: Consumer) => void): number {
    const frames = this.#pending;
    const atOnce = all ? frames.length : Math.max(0, frames.length - carriedMax);
    const { written, broadcast } = this.fanOut.planTurn(frames, atOnce);
    this.#pending = frames.slice(broadcast);
    let delivered = 0;
    this.#checkBroadcast();
    for (const pass of splitIntoPasses(frames.slice(0, written), this.fanOut)) {
      const given = pass.flat();
      const offset = this.log.end;
      delivered += this.#each(given, onSlow, (consumer) => consumer.deliver(pass, offset, this.#pendingBytesMax));
      this.#admit();
    }
    if (written === broadcast) return delivered;
    return delivered + this.#broadcast(frames.slice(written, broadcast), onSlow);
  }

  #broadcast(batch: WriteBatch, onSlow: (consumer: Consumer) => void): number {
    if (!this.#broadcasting) {
      this.#broadcasting = true;
      for (const consumer of this.consumers) if (!this.#late.has(consumer)) consumer.joinBroadcasts();
    }
    const delivered = this.#each(batch, onSlow, (consumer) => consumer.park(this.#pendingBytesMax));
    this.fanOut.broadcaster?.send(this.topic, batch);
    this.#unchecked = batch;
    this.#admit();
    return delivered;
  }

  /**
   * Asks every consumer whether its connection took the last broadcast, because a broadcast itself does not say so. The
   * stream asks before it gives a consumer anything else.
   */
  #checkBroadcast(): void {
    if (this.#unchecked === undefined) return;
    for (const consumer of this.consumers) consumer.check(this.#unchecked);
    this.#unchecked = undefined;
  }

  #each(frames: readonly Frame[], onSlow: (c: Consumer) => void, give: (c: Consumer) => boolean): number {
    let given = 0;
    const offset = this.log.end;
    // The stream itself reads the log during this loop, so that the log keeps the frames until every consumer was given
    // them.
    this.log.enter(offset);
    this.log.append(frames);
    // The loop runs backwards. When a consumer is removed, the last consumer takes its place in the list, and that one
    // was served already.
    for (let i = this.consumers.length - 1; i >= 0; i--) {
      const consumer = this.consumers[i] as Consumer;
      const strange = this.#late.size > 0 && this.#late.has(consumer) ? consumer.joinedAt - offset : 0;
      if (strange >= frames.length) continue;
      const taken = strange === 0 ? give(consumer) : this.#deliverLate(consumer, frames.slice(strange));
      if (taken) given += frames.length - strange;
      else onSlow(consumer);
    }
    this.log.leave(offset);
    this.log.settle(offset);
    return given;
  }

  /** Gives a late consumer the last frames of the log. Only these frames were accepted after the consumer joined. */
  #deliverLate(consumer: Consumer, own: readonly Frame[]): boolean {
    return consumer.deliver(splitIntoBatches(own, this.fanOut), this.log.end - own.length, this.#pendingBytesMax);
  }

  /**
   * Ends the special treatment of late consumers to which the next frame belongs. From now on they get the same frames
   * as the other consumers.
   */
  #admit(): void {
    for (const consumer of this.#late) {
      if (consumer.joinedAt > this.log.end) continue;
      this.#late.delete(consumer);
      if (this.#broadcasting) consumer.joinBroadcasts();
    }
  }
}

function takes(filter: Filter | undefined, type: EventType): boolean {
  return filter !== undefined && (filter.types & (eventTypeBit.get(type) as number)) !== 0;
}
