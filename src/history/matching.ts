/**
 * Knows which events of a scope came on which way. Each event comes to a node twice: over the bus, and from the journal. A consumer
 * gets the copy of the journal, which has a position, or while the history is away the copy of the bus. It must get one of the two.
 */

import type { Event } from "../bus/bus.js";
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

export class Matching {
  /** The events that came over the bus while the history was there, and not from the journal yet. */
  #waiting = new Map<string, Waiting>();
  /** The events that were handed over and whose other copy has not come. */
  readonly #handed = new Recent();
  /** The events that the journal brought first while the history was away. They are handed over when the bus brings them. */
  readonly #skipped = new Recent();

  /** Notes an event that the journal brought before anybody followed the scope. Its late copy of the bus is not handed over. */
  passed({ id, time }: Event): void {
    this.#handed.add(idKey(id), time);
  }

  /** Notes a copy of the bus. Returns whether to hand it over. While the history is there, its copy from the journal is awaited. */
  heard(event: Event, isThere: boolean): boolean {
    const key = idKey(event.id);
    if (this.#handed.delete(key)) return false;
    if (!this.#skipped.delete(key) && isThere) {
      this.#waiting.set(key, { event, looks: 0 });
      return false;
    }
    this.#handed.add(key, event.time);
    return true;
  }

  /** Notes a copy of the journal. Returns whether to hand it over. */
  fed(event: Event, isThere: boolean): boolean {
    const key = idKey(event.id);
    if (this.#waiting.delete(key)) return true;
    if (this.#handed.delete(key)) return false;
    (isThere ? this.#handed : this.#skipped).add(key, event.time);
    return isThere;
  }

  /**
   * Returns the events that wait for their copy from the journal, in the order in which the bus brought them. They wait no longer.
   * The events that `came` knows are left out: their copies from the journal came before the scope was followed.
   */
  release(came: (event: Event) => boolean): Event[] {
    const events = [...this.#waiting.values()].map(({ event }) => event).filter((event) => !came(event));
    for (const [key, { event }] of this.#waiting) this.#handed.add(key, event.time);
    this.#waiting = new Map();
    return events;
  }

  /** Forgets the events that wait. Those that the journal brings all the same are handed over then. */
  forget(): void {
    this.#waiting = new Map();
  }

  /** Whether the bus is still to bring an event that the journal brought first, as far as can be known. */
  get awaitsBus(): boolean {
    return this.#skipped.since(Date.now() - lateMs).length > 0;
  }

  /**
   * Call this when the history comes back. Gives up the events that the bus is still to bring: handed over then, they would come after
   * later events of their publisher. Returns when the first of them was accepted. Undefined when there is none.
   */
  giveUp(): number | undefined {
    const late = this.#skipped.since(Date.now() - lateMs).map(([, time]) => time);
    for (const [key, time] of this.#skipped.since(0)) {
      this.#skipped.delete(key);
      this.#handed.add(key, time);
    }
    return late.length === 0 ? undefined : Math.min(...late);
  }

  /**
   * Call this about twice a second. Forgets the events that have waited for more than `looks` calls, and returns when the first of
   * them was accepted. Undefined when no event waits for that long. The events that `came` knows do not count.
   */
  overdue(looks: number, came: (event: Event) => boolean): number | undefined {
    let from: number | undefined;
    for (const [key, waiting] of this.#waiting) {
      if (++waiting.looks <= looks) continue;
      this.#waiting.delete(key);
      if (came(waiting.event)) continue;
      from = Math.min(from ?? waiting.event.time, waiting.event.time);
    }
    return from;
  }
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

  #turn(): void {
    const now = performance.now();
    if (now - this.#turnedAt < rememberedMs) return;
    this.#old = this.#new;
    this.#new = new Map();
    this.#turnedAt = now;
  }
}
