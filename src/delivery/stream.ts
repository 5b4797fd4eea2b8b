/** The consumers of one instance that have the same view: they see the same sequence of frames. */

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
  /** Most bytes that may wait for one consumer. With more, it is closed. */
  readonly pendingBytesMax: number;
  /** The waiting frames of all blocked consumers of the hub. */
  readonly waiting: Waiting;
}

/**
 * So many frames may wait for later turns. What is more goes by a write per consumer at once, so that whoever publishes faster
 * than the consumers are served is held up by that. It is dearer, and a few hundred frames wait after any pause of the process:
 * with fewer it would never catch up.
 */
const carriedMax = 2048;

export class Stream {
  /** The consumers, in no order: a removal moves the last one into the gap. */
  readonly consumers: Consumer[] = [];
  readonly instanceId: string;
  readonly view: View;
  readonly fanOut: FanOut<unknown>;
  readonly log: FrameLog;
  readonly waiting: Waiting;
  /** Names it to the fan-out's broadcasts: no other stream of the node has it. */
  readonly topic: string;
  readonly #pendingBytesMax: number;
  /** The filter of the last enabled configuration. Disabling a channel never widens what open connections get. */
  #filter: Filter | undefined;
  /** Set by `configure`, which the constructor calls. */
  #build!: FrameBuilder;
  #pending: Frame[] = [];
  /** Consumers that came while frames waited that are not theirs. They join the broadcasts after those. */
  readonly #late = new Set<Consumer>();
  /** Whether the consumers have joined: from the first broadcast on. One that never does gets large frames cheaper. */
  #broadcasting = false;
  /** The last broadcast, until every connection was checked for whether it took it. */
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

  /** Takes effect for the next event. */
  configure({ instance, websocket }: Entry): void {
    this.#build = this.view.format.builderFor(instance);
    if (websocket?.enabled) this.#filter = narrow(compileFilter(websocket), this.view);
  }

  /** Adds a consumer. It gets the events that are accepted from now on. */
  add(consumer: Consumer): void {
    consumer.index = this.consumers.push(consumer) - 1;
    if (!this.idle) this.#late.add(consumer);
    else if (this.#broadcasting) consumer.joinBroadcasts();
  }

  /** False when the consumer was gone already. */
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

  /** Frames that are accepted and not given to any consumer yet. */
  get ahead(): number {
    return this.#pending.length;
  }

  /** No frame waits for its turn. */
  get idle(): boolean {
    return this.#pending.length === 0;
  }

  /** How many consumers have a filter that takes events of this type. */
  takers(type: EventType): number {
    return takes(this.#filter, type) ? this.consumers.length : 0;
  }

  /** Whether the filter takes it; if so its frame is built, once for all consumers, and waits for the end of the turn. */
  accept(event: Event): boolean {
    const filter = this.#filter;
    if (filter === undefined || !takes(filter, event.type)) return false;
    this.#pending.push(this.#build(event, filter.mediaBase64));
    return true;
  }

  /**
   * Gives every consumer the frames that wait, as many as the fan-out plans for a turn (`idle` is false when some are left);
   * all of them if `all`. `onSlow` hears of the consumers that must go. Returns how many frames were handed over or parked, in
   * all.
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

  /** A broadcast tells nobody what a connection took, so each consumer is asked before it gets anything else. */
  #checkBroadcast(): void {
    if (this.#unchecked === undefined) return;
    for (const consumer of this.consumers) consumer.check(this.#unchecked);
    this.#unchecked = undefined;
  }

  #each(frames: readonly Frame[], onSlow: (c: Consumer) => void, give: (c: Consumer) => boolean): number {
    let given = 0;
    const offset = this.log.end;
    // A reader itself, so that the frames stay until every consumer was given them.
    this.log.enter(offset);
    this.log.append(frames);
    // The loop runs backwards: a removed consumer is replaced by one that had its turn already.
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

  /** The last frames of the log, which are all that is its own. */
  #deliverLate(consumer: Consumer, own: readonly Frame[]): boolean {
    return consumer.deliver(splitIntoBatches(own, this.fanOut), this.log.end - own.length, this.#pendingBytesMax);
  }

  /** Late consumers whose own frames are next are like the others from here on. */
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
