/**
 * Knows which events of a scope came on which way. Each event comes to a node twice: over the bus, and from the journal. A consumer gets
 * one of the two copies: that of the journal, or when the history is away or the journal lacks the event, that of the bus. The copy of
 * the bus has no position.
 */

import type { Event } from "../bus/bus.js";
import { type EventId, isEarlier } from "../domain/event-id.js";
import { idKey } from "./journal.js";

/** How late the second copy of an event may come for the copies to be awaited, in milliseconds. It comes within a few milliseconds. */
export const lateMs = 5_000;
/**
 * How long it is remembered that one copy of an event came, in milliseconds. The other copy comes later than `lateMs` when the node that
 * accepted the event was stopped for a while between its two copies.
 */
const rememberedMs = 30_000;

interface Waiting {
  readonly event: Event;
  /** How often `overdue` has found the event. */
  looks: number;
}

/** What is known of the events that one node has accepted for one instance. */
interface Source {
  /** The events that came over the bus while the history was there, and not from the journal yet, in the order of their acceptance. */
  readonly waiting: Map<string, Waiting>;
  /** The id of the last event that was handed over. */
  last: EventId | undefined;
  /** When that event was accepted, in milliseconds since 1970. */
  lastTime: number;
}

/**
 * What becomes of an event that the bus brings. `handed`: consumers get the event now. `waiting`: the event waits for the journal's copy.
 * `dropped`: nobody gets this copy. `lacked`: the journal lacks the event, and a later event of the same node and instance was handed
 * over. Handed over now, the event would be out of order.
 */
export type Heard = "handed" | "waiting" | "dropped" | "lacked";

/**
 * What becomes of an event that the journal brings. `handed`: consumers get the event now. `dropped`: nobody gets this copy. `late`: the
 * bus's copy was handed over, and later positions may have been given since. `disordered`: no copy was handed over, but a later event of
 * the same node and instance was.
 */
export type Fed = "handed" | "dropped" | "late" | "disordered";

/** Tells whether the journal has brought an event, as far as is kept. */
export type Came = (event: Event) => boolean;

const none: readonly Event[] = [];

export class Matching {
  /** By the node that accepted the events, and the instance. */
  readonly #sources = new Map<string, Source>();
  /** The events whose journal copy was handed over, or is not needed. Their bus copies are dropped. */
  readonly #fed = new Recent();
  /** The events whose bus copy was handed over without a position, was lacked, or was known already. Their journal copies are dropped. */
  readonly #unplaced = new Recent();
  /** The events that the journal brought first while the history was away. They are handed over when the bus brings them. */
  readonly #skipped = new Recent();
  /** When `forget` was called, in milliseconds since 1970. */
  #forgotAt = 0;
  /** The events of `#unplaced` whose journal copies are awaited after the history came back. */
  #awaited = new Set<string>();

  /** Notes an event that the journal brought before anybody followed the scope. Its late copy of the bus is not handed over. */
  passed({ id, time }: Event): void {
    this.#fed.add(idKey(id), time);
  }

  /** Notes a copy of the bus. While the history is there, its copy from the journal is awaited. */
  heard(event: Event, isThere: boolean): Heard {
    const key = idKey(event.id);
    if (this.#fed.delete(key)) return "dropped";
    const source = this.#sourceOf(event);
    const isSkipped = this.#skipped.delete(key);
    const isLacked = !isSkipped && isPassed(source, event);
    if (isThere && !isSkipped && !isLacked) {
      source.waiting.set(key, { event, looks: 0 });
      return "waiting";
    }
    if (!isSkipped) this.#unplaced.add(key, event.time);
    if (!isLacked) {
      handedOver(source, event);
      return "handed";
    }
    // The gap that was told when events were forgotten covers the events from before.
    return event.time > this.#forgotAt ? "lacked" : "dropped";
  }

  /** Notes a copy of the journal. */
  fed(event: Event, isThere: boolean): Fed {
    const key = idKey(event.id);
    const source = this.#sourceOf(event);
    if (!source.waiting.delete(key)) {
      if (this.#unplaced.delete(key)) return this.#awaited.delete(key) || !isThere ? "dropped" : "late";
      (isThere ? this.#fed : this.#skipped).add(key, event.time);
      if (!isThere) return "dropped";
      if (isPassed(source, event)) return "disordered";
    }
    handedOver(source, event);
    return "handed";
  }

  /**
   * Returns the events that wait, although the journal has now brought this later event of the same node and instance. The journal lacks
   * them. Hand them over before this event: they wait no longer. The events that `came` knows are left out.
   */
  overtaken(event: Event, came: Came): readonly Event[] {
    const source = this.#sourceOf(event);
    if (source.waiting.size === 0) return none;
    const events: Event[] = [];
    for (const { event: other } of source.waiting.values()) {
      if (!isEarlier(other.id, event.id)) break;
      this.#giveUpWaiting(source, other);
      if (!came(other)) events.push(other);
    }
    return events;
  }

  /**
   * Returns the events that wait for their copy from the journal, those of each node and instance in the order in which the bus brought
   * them. They wait no longer. The events that `came` knows are left out: their copies from the journal came before the scope was
   * followed.
   */
  release(came: Came): Event[] {
    this.#awaited.clear();
    const events: Event[] = [];
    for (const source of this.#sources.values())
      for (const { event } of source.waiting.values()) {
        this.#giveUpWaiting(source, event);
        if (!came(event)) events.push(event);
      }
    return events;
  }

  /**
   * Call this when the journal has lost events and consumers were told of a gap. Forgets the events that wait. Those that the journal
   * brings all the same are handed over then. Those that only the bus brings later, after later events of their node, are dropped.
   */
  forget(): void {
    this.#forgotAt = Date.now();
    for (const { waiting } of this.#sources.values()) waiting.clear();
  }

  /** Call this when the history comes back. Awaits the copies of the journal of the events that were handed over last. */
  awaitJournal(): void {
    this.#awaited = new Set(this.#unplaced.since(Date.now() - lateMs).map(([key]) => key));
  }

  /** Call this in place of `awaitJournal` when nobody was there to get the events. The journal's copies are handed over. */
  forgetUnplaced(): void {
    this.#unplaced.clear();
    for (const source of this.#sources.values()) source.last = undefined;
  }

  /** Whether the journal is still to bring an event that was handed over before the history came back, as far as can be known. */
  get awaitsJournal(): boolean {
    return this.#awaited.size > 0;
  }

  /** Awaits no copies of the journal any more. A copy that comes all the same is late. */
  endAwaiting(): void {
    this.#awaited.clear();
  }

  /** Whether the bus is still to bring an event that the journal brought first, as far as can be known. */
  get awaitsBus(): boolean {
    return this.#skipped.since(Date.now() - lateMs).length > 0;
  }

  /**
   * Call this when the history comes back. Gives up the events that the bus is still to bring: handed over then, they would come after
   * later events of their publisher. Returns the time at which the first of these events was accepted. Leaves out events that are older
   * than `rememberedMs`: whether the bus brought these is forgotten. Undefined when there is none.
   */
  giveUp(): number | undefined {
    const remembered = Date.now() - rememberedMs;
    let from: number | undefined;
    for (const [key, time] of this.#skipped.since(0)) {
      this.#fed.add(key, time);
      if (time >= remembered) from = Math.min(from ?? time, time);
    }
    this.#skipped.clear();
    return from;
  }

  /**
   * Call this about twice a second. Returns the events that have waited for more than `looks` calls: the journal lacks them. Hand them
   * over. The events that `came` knows are left out.
   */
  overdue(looks: number, came: Came): Event[] {
    const events: Event[] = [];
    const forgotten = Date.now() - rememberedMs;
    for (const [key, source] of this.#sources) {
      for (const waiting of source.waiting.values()) {
        if (++waiting.looks <= looks) continue;
        this.#giveUpWaiting(source, waiting.event);
        if (!came(waiting.event)) events.push(waiting.event);
      }
      if (source.waiting.size === 0 && source.lastTime < forgotten) this.#sources.delete(key);
    }
    return events;
  }

  #giveUpWaiting(source: Source, event: Event): void {
    const key = idKey(event.id);
    source.waiting.delete(key);
    this.#unplaced.add(key, event.time);
    handedOver(source, event);
  }

  #sourceOf({ origin = "", instanceId }: Event): Source {
    const key = `${origin} ${instanceId}`;
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const source: Source = { waiting: new Map(), last: undefined, lastTime: 0 };
    this.#sources.set(key, source);
    return source;
  }
}

/** Whether a later event of the source was handed over. */
function isPassed({ last }: Source, { id }: Event): boolean {
  return last !== undefined && isEarlier(id, last);
}

function handedOver(source: Source, { id, time }: Event): void {
  source.last = id;
  source.lastTime = time;
}

/** The keys of events with their times. It forgets an event after `rememberedMs`, and after twice as long at the latest. */
class Recent {
  #new = new Map<string, number>();
  #old = new Map<string, number>();
  #turnedAt = performance.now();

  add(key: string, time: number): void {
    this.#turn();
    this.#new.set(key, time);
  }

  /** Returns the events that were accepted since a time, in milliseconds since 1970. */
  since(from: number): [key: string, time: number][] {
    return [...this.#old, ...this.#new].filter(([, time]) => time >= from);
  }

  delete(key: string): boolean {
    return this.#new.delete(key) || this.#old.delete(key);
  }

  clear(): void {
    this.#new.clear();
    this.#old.clear();
  }

  #turn(): void {
    const now = performance.now();
    if (now - this.#turnedAt < rememberedMs) return;
    this.#old = this.#new;
    this.#new = new Map();
    this.#turnedAt = now;
  }
}
