/** What the client asks the gateway on an open connection, and who waits for the answer: narrowings and pings. */

import type { EffectiveFilter, PongFrame } from "../../gen/frames.js";

interface Waiter<T> {
  readonly resolve: (answer: T) => void;
  readonly reject: (error: Error) => void;
}

interface Narrowing {
  readonly events: readonly string[];
  readonly waiters: readonly Waiter<EffectiveFilter>[];
}

/** The rule of the contract for the message `narrow`. */
const eventsMax = 64;

/**
 * The event types that the caller wants. One narrowing is under way at a time: as a message, or in the query of a
 * handshake, which `hello` answers. Of the narrowings that are asked for meanwhile only the last is sent.
 */
export class Narrowings {
  readonly #send: (text: string) => void;
  /** The types of the last narrowing that the gateway has not refused. */
  #held: readonly string[];
  #underWay: Narrowing | undefined;
  #next: Narrowing | undefined;

  constructor(events: readonly string[], send: (text: string) => void) {
    requireFew(events);
    this.#held = events;
    this.#send = send;
  }

  /** The types to present in the query of a handshake, which answers every narrowing that was asked for before. */
  present(): readonly string[] {
    const waiters = [...(this.#underWay?.waiters ?? []), ...(this.#next?.waiters ?? [])];
    const { events } = this.#next ?? this.#underWay ?? { events: this.#held };
    this.#underWay = { events, waiters };
    this.#next = undefined;
    return events;
  }

  /** Throws when there are more than 64 types. */
  ask(events: readonly string[], open: boolean): Promise<EffectiveFilter> {
    requireFew(events);
    return new Promise((resolve, reject) => {
      this.#next = { events, waiters: [...(this.#next?.waiters ?? []), { resolve, reject }] };
      if (open) this.#sendNext();
    });
  }

  /** The gateway said `hello` or `narrowed`. */
  answered(filter: EffectiveFilter): void {
    if (this.#underWay === undefined) return;
    const { events, waiters } = this.#underWay;
    this.#held = events;
    this.#underWay = undefined;
    this.#sendNext();
    for (const { resolve } of waiters) resolve(filter);
  }

  /** The gateway said `error`: a narrowing is the only message of ours that can be wrong. */
  refused(message: string): void {
    const waiters = this.#underWay?.waiters ?? [];
    this.#underWay = undefined;
    this.#sendNext();
    for (const { reject } of waiters) reject(new Error(`The gateway did not narrow: ${message}.`));
  }

  end(error: Error): void {
    for (const narrowing of [this.#underWay, this.#next])
      for (const { reject } of narrowing?.waiters ?? []) reject(error);
    this.#underWay = undefined;
    this.#next = undefined;
  }

  #sendNext(): void {
    if (this.#underWay !== undefined || this.#next === undefined) return;
    this.#underWay = this.#next;
    this.#next = undefined;
    this.#send(JSON.stringify({ control: "narrow", events: this.#underWay.events }));
  }
}

/** Pings of one connection. Who asks while a ping is under way shares its pong. */
export class Pings {
  readonly #send: (text: string) => void;
  #waiters: Waiter<PongFrame>[] = [];

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  ask(): Promise<PongFrame> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (this.#waiters.length === 1) this.#send('{"control":"ping"}');
    });
  }

  answered(pong: PongFrame): void {
    for (const { resolve } of this.#waiters.splice(0)) resolve(pong);
  }

  end(error: Error): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}

function requireFew(events: readonly string[]): void {
  if (events.length > eventsMax) throw new TypeError(`At most ${eventsMax} event types can be asked for.`);
}
