/** The messages of the client, `narrow` and `ping`, and the callers that wait for the answers. */

import type { EffectiveFilter, PongFrame } from "../../gen/frames.js";

interface Waiter<T> {
  readonly resolve: (answer: T) => void;
  readonly reject: (error: Error) => void;
}

interface Narrowing {
  readonly events: readonly string[];
  readonly waiters: readonly Waiter<EffectiveFilter>[];
}

/** Most event types in a message `narrow`, by the rule of the contract. */
const eventsMax = 64;

/**
 * The event types that the caller wants. One narrowing is under way at a time: either a message `narrow`, which
 * `narrowed` answers, or the query of a handshake, which `hello` answers. When the caller asks for several narrowings
 * meanwhile, only the last is sent, and its answer goes to all of them.
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

  /** The gateway said `error`. Of the client's messages only a narrowing can be wrong. */
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

/** The pings of a connection. A caller that asks while a ping is under way gets the pong of that ping. */
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
