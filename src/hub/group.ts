/** The sockets of one instance: they share a filter, so they share their frames. */

import type { Event } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import { type EventType, eventTypeBit } from "../domain/event-type.js";
import { compileFilter, type Filter } from "../domain/filter.js";
import { type Chunk, nextBroadcast, splitIntoChunks, splitIntoVisits } from "./chunk.js";
import { buildFrame, type Frame, frameTail } from "./frame.js";
import { FrameLog } from "./frame-log.js";
import type { Broadcast } from "./socket.js";
import type { Subscriber } from "./subscriber.js";
import type { Waiting } from "./waiting.js";

export interface GroupOptions {
  /** uWebSockets' `publish`. */
  readonly broadcast: Broadcast;
  /** The public URL in every frame. */
  readonly baseUrl: string;
  /** Decoded media above it is left out of the frames, in bytes. */
  readonly mediaMaxBytes: number;
  /** More bytes waiting for one socket end it. */
  readonly pendingBytesMax: number;
  /** What waits for all blocked sockets of the hub. */
  readonly waiting: Waiting;
}

/**
 * So many frames may wait for the broadcasts of later turns, since one turn has one broadcast. What is more goes by a
 * write per socket at once, so that whoever publishes faster than the sockets are served is held up by that. It is dearer,
 * and a few hundred frames are behind after any pause of the process: with fewer it would never catch up.
 */
const carriedMax = 2048;

export class Group {
  /** In no order: a removal moves the last one into the gap. */
  readonly subscribers: Subscriber[] = [];
  readonly accountId: string;
  /** The instance's. This and the tail are set by `configure`, which the constructor calls. */
  name!: string;
  readonly log: FrameLog;
  readonly #options: GroupOptions;
  /** Of the last enabled configuration: a disable never widens what open sockets get. */
  #filter: Filter | undefined;
  #tail!: Buffer;
  #pending: Frame[] = [];
  /** Sockets that came while frames waited, and how many of those are not theirs. They join the topic behind them. */
  readonly #late = new Map<Subscriber, number>();
  readonly #topic: string;
  /** Whether the sockets are subscribed: from the first broadcast on. One that never is sends large frames cheaper. */
  #broadcasting = false;
  /** The last broadcast, until every socket was asked whether the kernel took it. */
  #unchecked: Chunk | undefined;

  constructor(entry: Entry, options: GroupOptions) {
    this.#options = options;
    this.log = new FrameLog(options.waiting);
    this.#topic = entry.instance.id;
    this.accountId = entry.instance.accountId;
    this.configure(entry);
  }

  /** Takes effect for the next event. */
  configure({ instance, websocket }: Entry): void {
    this.name = instance.name;
    this.#tail = frameTail(instance, this.#options.baseUrl);
    if (websocket?.enabled) this.#filter = compileFilter(websocket);
  }

  /** It gets what is accepted from now on. */
  add(subscriber: Subscriber): void {
    subscriber.index = this.subscribers.push(subscriber) - 1;
    if (!this.idle) this.#late.set(subscriber, this.#pending.length);
    else if (this.#broadcasting) subscriber.join(this.#topic);
  }

  /** False: it was gone already. */
  remove(subscriber: Subscriber): boolean {
    const { index } = subscriber;
    if (index === -1) return false;
    subscriber.index = -1;
    this.#late.delete(subscriber);
    const last = this.subscribers.pop() as Subscriber;
    if (last !== subscriber) {
      this.subscribers[index] = last;
      last.index = index;
    }
    return true;
  }

  /** Frames that are accepted and not given to any socket yet. */
  get ahead(): number {
    return this.#pending.length;
  }

  /** No frame waits. */
  get idle(): boolean {
    return this.#pending.length === 0;
  }

  /** How many sockets have a filter that takes events of this type. */
  takers(type: EventType): number {
    return takes(this.#filter, type) ? this.subscribers.length : 0;
  }

  /** Whether the filter takes it; if so its frame is built, once for all sockets, and waits for the end of the turn. */
  accept(event: Event): boolean {
    const filter = this.#filter;
    if (filter === undefined || !takes(filter, event.type)) return false;
    this.#pending.push(buildFrame(event, this.#tail, filter.mediaBase64, this.#options.mediaMaxBytes));
    return true;
  }

  /**
   * Gives every socket the frames that wait: many small ones by a native broadcast, all others by a write per socket.
   * What stands behind that broadcast waits for the next turn (`idle` is false then), unless `all` are to go now. `onSlow`
   * hears of the sockets that must go. Returns how many frames were handed over or parked, in all.
   */
  flush(all: boolean, onSlow: (subscriber: Subscriber) => void): number {
    const frames = this.#pending;
    const { from, to } = nextBroadcast(frames, all ? frames.length : Math.max(0, frames.length - carriedMax));
    this.#pending = frames.slice(to);
    let delivered = 0;
    this.#checkBroadcast();
    for (const visit of splitIntoVisits(frames.slice(0, from))) {
      const given = visit.flat();
      const place = this.log.end;
      delivered += this.#each(given, onSlow, (subscriber) =>
        subscriber.deliver(visit, place, this.#options.pendingBytesMax),
      );
      this.#admit(given.length);
    }
    if (from === to) return delivered;
    return delivered + this.#broadcast(frames.slice(from, to), onSlow);
  }

  #broadcast(chunk: Chunk, onSlow: (subscriber: Subscriber) => void): number {
    if (!this.#broadcasting) {
      this.#broadcasting = true;
      for (const subscriber of this.subscribers) if (!this.#late.has(subscriber)) subscriber.join(this.#topic);
    }
    const delivered = this.#each(chunk, onSlow, (subscriber) => subscriber.park(this.#options.pendingBytesMax));
    for (const frame of chunk) this.#options.broadcast(this.#topic, frame);
    this.#unchecked = chunk;
    this.#admit(chunk.length);
    return delivered;
  }

  /** A broadcast tells nobody what the kernel took, so each socket is asked before it gets anything else. */
  #checkBroadcast(): void {
    if (this.#unchecked === undefined) return;
    for (const subscriber of this.subscribers) subscriber.check(this.#unchecked);
    this.#unchecked = undefined;
  }

  #each(frames: readonly Frame[], onSlow: (s: Subscriber) => void, give: (s: Subscriber) => boolean): number {
    let given = 0;
    const place = this.log.end;
    // A reader itself, so that the frames stay until every socket was given them.
    this.log.enter(place);
    this.log.append(frames);
    // Backwards: whoever goes is replaced by one that was visited already.
    for (let i = this.subscribers.length - 1; i >= 0; i--) {
      const subscriber = this.subscribers[i] as Subscriber;
      const strange = this.#late.size === 0 ? 0 : (this.#late.get(subscriber) ?? 0);
      if (strange >= frames.length) continue;
      const taken = strange === 0 ? give(subscriber) : this.#deliverLate(subscriber, frames.slice(strange));
      if (taken) given += frames.length - strange;
      else onSlow(subscriber);
    }
    this.log.leave(place);
    this.log.settle(place);
    return given;
  }

  /** The last frames of the log, which are all that is its own. */
  #deliverLate(subscriber: Subscriber, own: readonly Frame[]): boolean {
    return subscriber.deliver(splitIntoChunks(own), this.log.end - own.length, this.#options.pendingBytesMax);
  }

  /** So many frames have left the front: late sockets to which all that waits belongs are like the others from here on. */
  #admit(passed: number): void {
    for (const [subscriber, strange] of this.#late) {
      if (strange > passed) this.#late.set(subscriber, strange - passed);
      else {
        this.#late.delete(subscriber);
        if (this.#broadcasting) subscriber.join(this.#topic);
      }
    }
  }
}

function takes(filter: Filter | undefined, type: EventType): boolean {
  return filter !== undefined && (filter.types & (eventTypeBit.get(type) as number)) !== 0;
}
