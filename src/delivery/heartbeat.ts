/**
 * Finds the peers that are gone. It looks at every consumer twelve times within the idle timeout, and pings the silent
 * ones.
 */

import type { Consumer } from "./consumer.js";

/**
 * The number of beats within the idle timeout. Beats are counted and not timed, so a process that stood still cuts
 * nobody.
 */
const beatsMax = 12;
/** A silent consumer is pinged at its fourth to eighth beat, each at another, so that those who came at once are spread. */
const pingFrom = 4;
const pingSpread = 5;
/** The consumers are spread over so many turns of a beat. 100,000 of them are 2,500 in one, of which some hundred are pinged. */
const turns = 40;

/** KiB that were handed over and not confirmed as read: then a ping goes also to a consumer that is not silent. */
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
  /** The same for a consumer whose connection takes nothing more: until it takes something. */
  readonly blockedSeconds: number;
  readonly onGone: (consumer: Consumer) => void;
  /** The connection of a blocked consumer took all that it held. */
  readonly onDrained: (consumer: Consumer) => void;
}

/**
 * Signs of life are a pong, a ping, a whole message, and that a blocked connection takes something again; a byte of an
 * unfinished message is none. A pong stands after all that was handed over before its ping: a reader gets more time for
 * that. A blocked consumer is not pinged but nudged: its kernel takes bytes again as soon as its peer has read some, while it
 * says so only when a third of megabytes is free, which takes a slow reader minutes.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #secondsPerBeat: number;
  /** By turn, in no order: a removal moves the last one of the turn into the gap. */
  readonly #turns: Consumer[][] = Array.from({ length: turns }, () => []);
  #count = 0;
  /** The turn that the next one goes to. */
  #next = 0;
  #turn = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#secondsPerBeat = options.idleSeconds / beatsMax;
  }

  add(consumer: Consumer): void {
    const turn = this.#next++ % turns;
    const index = (this.#turns[turn] as Consumer[]).push(consumer) - 1;
    consumer.beatIndex = index * turns + turn;
    this.#count++;
    this.#timer ??= setInterval(() => this.#beatNext(), (this.#secondsPerBeat / turns) * 1000).unref();
  }

  /** Idempotent. */
  remove(consumer: Consumer): void {
    const { beatIndex } = consumer;
    if (beatIndex === -1) return;
    consumer.beatIndex = -1;
    const list = this.#turns[beatIndex % turns] as Consumer[];
    const last = list.pop() as Consumer;
    if (last !== consumer) {
      list[Math.floor(beatIndex / turns)] = last;
      last.beatIndex = beatIndex;
    }
    if (--this.#count > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #beatNext(): void {
    this.#turn = (this.#turn + 1) % turns;
    const list = this.#turns[this.#turn] as Consumer[];
    // The loop runs backwards: a removed consumer is replaced by one that had its beat already.
    for (let i = list.length - 1; i >= 0; i--) this.#beat(list[i] as Consumer);
  }

  #beat(consumer: Consumer): void {
    const silence = ++consumer.silence;
    if (consumer.blocked) {
      this.#nudge(consumer);
      if (consumer.silence >= this.#options.blockedSeconds / this.#secondsPerBeat) this.#options.onGone(consumer);
      return;
    }
    const unconfirmed = consumer.given - consumer.confirmed;
    if (silence >= this.#beatsFor(unconfirmed)) this.#options.onGone(consumer);
    else if (silence >= pingFrom + (this.#turn % pingSpread) || unconfirmed >= unconfirmedMax) consumer.ping();
  }

  #nudge(consumer: Consumer): void {
    const left = consumer.nudge();
    if (left === undefined) return;
    consumer.silence = 0;
    if (left === 0) this.#options.onDrained(consumer);
  }

  #beatsFor(unconfirmed: number): number {
    return readingSeconds(unconfirmed, this.#options.idleSeconds) / this.#secondsPerBeat;
  }
}
