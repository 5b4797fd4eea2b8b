/**
 * A stream: the consumers of one instance, or of one account as a whole, that have the same view. All of them see the same
 * sequence of frames.
 */

import type { ControlFrame } from "../../gen/frames.js";
import type { Event } from "../bus/bus.js";
import type { Filter } from "../domain/filter.js";
import type { Consumer } from "./consumer.js";
import type { FanOut } from "./fan-out.js";
import { FrameLog } from "./frame-log.js";
import type { Frame } from "./frames/frame.js";
import { PendingFrames } from "./pending-frames.js";
import type { Selection } from "./selection.js";
import type { StreamGroup } from "./stream-group.js";
import type { View } from "./view.js";
import type { Waiting } from "./waiting.js";
import { splitIntoBatches, splitIntoPasses, type WriteBatch } from "./write-batch.js";

export interface StreamOptions {
  /** Most bytes that may wait for one consumer. A consumer for which more bytes would wait is closed. */
  readonly pendingBytesMax: number;
  /** Counts the bytes that wait for all blocked consumers of the hub. */
  readonly waiting: Waiting;
  /**
   * Called for each consumer that joined while older frames waited, before the consumer gets its first frame. `offset` is the
   * offset of this frame.
   */
  readonly onAdmitted: (consumer: Consumer, offset: number) => void;
}

const nobody: ReadonlySet<Consumer> = new Set();

export class Stream<S extends Selection = Selection> {
  /**
   * The consumers of the stream, in no order. When a consumer is removed, the last consumer takes its place in the
   * list.
   */
  readonly consumers: Consumer[] = [];
  readonly group: StreamGroup;
  readonly selection: S;
  readonly view: View;
  readonly fanOut: FanOut<unknown>;
  readonly log: FrameLog;
  readonly waiting: Waiting;
  /** The frames that the stream has accepted and not given to its consumers yet. */
  readonly pending = new PendingFrames();
  /** The topic on which the fan-out broadcasts the frames of this stream. No other stream of the node has the same topic. */
  readonly topic: string;
  readonly #pendingBytesMax: number;
  readonly #onAdmitted: StreamOptions["onAdmitted"];
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
  /** The consumers that read older events of the history first. Undefined when there was none so far. */
  #replaying: Set<Consumer> | undefined;
  /** The last broadcast, until the stream has asked every connection whether it took this broadcast. */
  #unchecked: WriteBatch | undefined;

  constructor(
    group: StreamGroup,
    selection: S,
    view: View,
    topic: string,
    { pendingBytesMax, waiting, onAdmitted }: StreamOptions,
  ) {
    this.group = group;
    this.selection = selection;
    this.view = view;
    this.fanOut = view.fanOut;
    this.topic = topic;
    this.waiting = waiting;
    this.log = new FrameLog(waiting);
    this.#pendingBytesMax = pendingBytesMax;
    this.#onAdmitted = onAdmitted;
  }

  /** The events that the consumers of the stream get. */
  get filter(): Filter {
    return this.selection.filter;
  }

  /** Whether the consumers of the stream get control frames. */
  get hasControls(): boolean {
    return this.view.format.controlFrame !== undefined;
  }

  /** The consumers that read older events of the history first, and then join the stream. */
  get replaying(): ReadonlySet<Consumer> {
    return this.#replaying ?? nobody;
  }

  /** Adds a consumer that reads older events of the history first. It gets no frame of the stream until `join`. */
  addReplaying(consumer: Consumer): void {
    this.#replaying ??= new Set();
    this.#replaying.add(consumer);
  }

  /** Lets a consumer join that has read all older events. */
  join(consumer: Consumer): void {
    this.#replaying?.delete(consumer);
    consumer.joinedAt = this.accepted;
    this.add(consumer);
  }

  /** Adds a consumer to the stream. The consumer gets the events that are accepted from now on. */
  add(consumer: Consumer): void {
    consumer.index = this.consumers.push(consumer) - 1;
    if (!this.idle) this.#late.add(consumer);
    else if (this.#broadcasting) consumer.joinBroadcasts();
  }

  /**
   * Lets a consumer of a stream with the same fan-out change to this stream (see `Consumer.change`). False when more waits for the
   * consumer now than may wait.
   */
  change(consumer: Consumer, frame: Frame): boolean {
    const { stream: from } = consumer;
    if (from === this) consumer.change(this, frame);
    else {
      consumer.change(this, frame);
      from.remove(consumer);
      consumer.index = this.consumers.push(consumer) - 1;
      if (this.#broadcasting) consumer.joinBroadcasts();
    }
    return consumer.park(this.#pendingBytesMax);
  }

  /** Whether a consumer has joined so late that older frames still wait for their turn, which the consumer must not get. */
  isLate(consumer: Consumer): boolean {
    return this.#late.has(consumer);
  }

  /** Removes a consumer from the stream. False when the consumer was removed before. */
  remove(consumer: Consumer): boolean {
    const { index } = consumer;
    if (index === -1) return this.#replaying?.delete(consumer) ?? false;
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
    return this.pending.length;
  }

  /** Whether no frame waits to be given to the consumers. */
  get idle(): boolean {
    return this.pending.length === 0;
  }

  /** How many frames the stream has accepted since it was created. */
  get accepted(): number {
    return this.log.end + this.pending.length;
  }

  /** The frames of the last broadcast, until the stream has asked every connection whether it took them; then none. */
  get unchecked(): WriteBatch {
    return this.#unchecked ?? [];
  }

  /**
   * Builds the frame of an event, once for all consumers, if the stream takes the event. The frame waits for the end of the
   * turn. False when the stream does not take the event. `position` is that of the event in the history, if it has one.
   */
  accept(event: Event, position?: string): boolean {
    const frame = this.selection.frameOf(event, position);
    if (frame === undefined) return false;
    if (this.hasControls) this.log.place(this.accepted, position);
    this.pending.push(frame);
    return true;
  }

  /**
   * Sends a control frame to all consumers of the stream, after the frames that the stream has accepted already. Returns the frame,
   * or undefined when the format of the stream has no control frames.
   */
  announce(control: ControlFrame): Frame | undefined {
    const frame = this.view.format.controlFrame?.(control);
    if (frame !== undefined) this.pending.push(frame);
    return frame;
  }

  /**
   * Gives every consumer the frames that wait, except those that `pending` keeps: all of them if `all` is true, else as many as the
   * fan-out plans for one turn. `idle` is false when some frames are left. Calls `onSlow` for each consumer that has to be closed
   * as a slow consumer. Returns how many frames were handed over or kept for blocked consumers, summed over all consumers.
   */
  flush(all: boolean, onSlow: (consumer: Consumer) => void): number {
    const { written, broadcast } = this.pending.take(all, this.fanOut);
    let delivered = 0;
    this.#checkBroadcast();
    for (const pass of splitIntoPasses(written, this.fanOut)) {
      const given = pass.flat();
      const offset = this.log.end;
      delivered += this.#each(given, onSlow, (consumer) => consumer.deliver(pass, offset, this.#pendingBytesMax));
      this.#admit();
    }
    return broadcast.length === 0 ? delivered : delivered + this.#broadcast(broadcast, onSlow);
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
    const anyLate = this.#late.size > 0;
    for (const consumer of this.consumers) {
      // A late consumer may hold the bytes of a ping, but it did not get the broadcast.
      if (!anyLate || !this.#late.has(consumer)) consumer.check(this.#unchecked);
    }
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

  /**
   * Gives frames to a consumer that joined while older frames still waited. `own` are the last frames of the log: those
   * accepted after the consumer joined. The consumer does not get the older ones.
   */
  #deliverLate(consumer: Consumer, own: readonly Frame[]): boolean {
    const offset = this.log.end - own.length;
    this.#onAdmitted(consumer, offset);
    return consumer.deliver(splitIntoBatches(own, this.fanOut), offset, this.#pendingBytesMax);
  }

  /**
   * Ends the special treatment of late consumers to which the next frame belongs. From now on they get the same frames
   * as the other consumers.
   */
  #admit(): void {
    for (const consumer of this.#late) {
      if (consumer.joinedAt > this.log.end) continue;
      this.#late.delete(consumer);
      this.#onAdmitted(consumer, this.log.end);
      if (this.#broadcasting) consumer.joinBroadcasts();
    }
  }
}
