/** Finds out which peers are gone: visits every socket twelve times within the idle timeout, and pings the silent ones. */

import type { Subscriber } from "./subscriber.js";

/** Visits without a sign of life within the idle timeout. They are counted, not timed: a process that stood still cuts nobody. */
const visitsMax = 12;
/** A silent socket is pinged at its fourth to eighth visit, each at another, so that those who came at once are spread. */
const pingFrom = 4;
const pingSpread = 5;
/** A visit's sockets are spread over so many turns. 100,000 of them are 2,500 in one, of which some hundred are pinged. */
const turns = 40;

/** KiB that were handed over and not confirmed as read: then a ping goes also to a socket that is not silent. */
const unconfirmedMax = 64;
/** KiB that every reader is trusted to read in a second, so that the pong of a slow one may be late. */
const readPerSecond = 8;
/** Of silence, in seconds, whatever was handed over: a kernel's buffers are read by then, or hardly ever. */
const silenceMax = 300;

/** How long a reader may take to read so many KiB and to answer the ping after them, in seconds, beyond `seconds`. */
export function readingSeconds(kibibytes: number, seconds: number): number {
  return Math.min(seconds + kibibytes / readPerSecond, Math.max(silenceMax, seconds));
}

export interface HeartbeatOptions {
  /** Of silence: then a peer is gone. It is found out within the last twelfth of it. */
  readonly idleSeconds: number;
  /** The same for a socket whose kernel takes nothing more: until it takes something. */
  readonly blockedSeconds: number;
  readonly onGone: (subscriber: Subscriber) => void;
  /** The kernel of a blocked socket took all that uWebSockets held. */
  readonly onDrained: (subscriber: Subscriber) => void;
}

/**
 * Signs of life are a pong, a ping, a whole message, and that a blocked kernel takes something again; a byte of an
 * unfinished message is none. A pong stands behind all that was handed over before its ping: a reader gets more time for
 * that. A blocked socket is not pinged but nudged: its kernel takes bytes again as soon as its peer has read some, while it
 * says so (the drain handler) only when a third of megabytes is free, which takes a slow reader minutes.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #secondsPerVisit: number;
  /** By turn, in no order: a removal moves the last one of the turn into the gap. */
  readonly #turns: Subscriber[][] = Array.from({ length: turns }, () => []);
  #count = 0;
  /** The turn that the next one goes to. */
  #next = 0;
  #turn = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#secondsPerVisit = options.idleSeconds / visitsMax;
  }

  add(subscriber: Subscriber): void {
    const turn = this.#next++ % turns;
    const place = (this.#turns[turn] as Subscriber[]).push(subscriber) - 1;
    subscriber.beat = place * turns + turn;
    this.#count++;
    this.#timer ??= setInterval(() => this.#visitNext(), (this.#secondsPerVisit / turns) * 1000).unref();
  }

  /** Idempotent. */
  remove(subscriber: Subscriber): void {
    const { beat } = subscriber;
    if (beat === -1) return;
    subscriber.beat = -1;
    const list = this.#turns[beat % turns] as Subscriber[];
    const last = list.pop() as Subscriber;
    if (last !== subscriber) {
      list[Math.floor(beat / turns)] = last;
      last.beat = beat;
    }
    if (--this.#count > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #visitNext(): void {
    this.#turn = (this.#turn + 1) % turns;
    const list = this.#turns[this.#turn] as Subscriber[];
    // Backwards: whoever goes is replaced by one that was visited already.
    for (let i = list.length - 1; i >= 0; i--) this.#visit(list[i] as Subscriber);
  }

  #visit(subscriber: Subscriber): void {
    const silence = ++subscriber.silence;
    if (subscriber.blocked) {
      this.#nudge(subscriber);
      if (subscriber.silence >= this.#options.blockedSeconds / this.#secondsPerVisit) this.#options.onGone(subscriber);
      return;
    }
    const unconfirmed = subscriber.position - subscriber.confirmed;
    if (silence >= this.#visitsFor(unconfirmed)) this.#options.onGone(subscriber);
    else if (silence >= pingFrom + (this.#turn % pingSpread) || unconfirmed >= unconfirmedMax) subscriber.ping();
  }

  #nudge(subscriber: Subscriber): void {
    const left = subscriber.nudge();
    if (left === undefined) return;
    subscriber.silence = 0;
    if (left === 0) this.#options.onDrained(subscriber);
  }

  #visitsFor(unconfirmed: number): number {
    return readingSeconds(unconfirmed, this.#options.idleSeconds) / this.#secondsPerVisit;
  }
}
