/**
 * Finds peers that are gone. The heartbeat looks at every consumer twelve times within the idle timeout, and pings a
 * consumer that is silent.
 */

import type { Consumer } from "./consumer.js";

/**
 * How many beats make one idle timeout. The heartbeat counts beats and does not measure time. So it cuts no consumer
 * because the process itself stood still.
 */
const beatsMax = 12;
/**
 * A consumer is pinged at the fourth to eighth beat of its silence. The beat differs from turn to turn, so that
 * consumers that connected at the same time are not pinged at the same time.
 */
const pingFrom = 4;
const pingSpread = 5;
/**
 * How many turns one beat has. Each consumer belongs to one turn. With 100,000 consumers, each turn looks at 2,500
 * consumers and pings some hundred of them.
 */
const turns = 40;

/**
 * A consumer that was given 64 KiB or more since its last answered ping gets a ping, even if it is not silent. The
 * answer shows that the peer has read everything before the ping.
 */
const unconfirmedMax = 64;
/**
 * The reading speed, in KiB per second, that the heartbeat expects of every reader. The more a reader was given, the
 * later its pong may come.
 */
const readPerSecond = 8;
/**
 * The longest time, in seconds, that a reader gets to read what it was given and then answer a ping, however many bytes
 * it was given. A reader that has not emptied the kernel's buffers after five minutes will hardly ever do so.
 */
const silenceMax = 300;

/**
 * Returns how many seconds a reader may take to read `kibibytes` KiB and then answer a ping. `seconds` is the time for
 * the answer alone.
 */
export function readingSeconds(kibibytes: number, seconds: number): number {
  return Math.min(seconds + kibibytes / readPerSecond, Math.max(silenceMax, seconds));
}

export interface HeartbeatOptions {
  /**
   * How many seconds a peer may be silent. Then it counts as gone. Because the heartbeat counts in twelfths of this
   * time, a peer may count as gone up to a twelfth earlier.
   */
  readonly idleSeconds: number;
  /** How many seconds a blocked connection may take no byte. Then its peer counts as gone. */
  readonly blockedSeconds: number;
  readonly onGone: (consumer: Consumer) => void;
  /** Called when the connection of a blocked consumer has taken every byte that it held. */
  readonly onDrained: (consumer: Consumer) => void;
}

/**
 * Watches the signs of life of peers: a pong, a ping, a whole message, or a byte that a blocked connection takes. A
 * byte of an unfinished message is no sign of life.
 *
 * A peer reads everything that was sent before a ping, and only then answers the ping. So a peer that was sent much
 * gets more time to answer.
 *
 * A blocked connection gets no ping. Instead the heartbeat offers it the waiting bytes again. A kernel takes bytes as
 * soon as its peer has read some, but it reports that only when a third of its buffer is free. The buffer has
 * megabytes, and a slow reader takes minutes to read a third.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #secondsPerBeat: number;
  /**
   * The consumers of each turn, in no order. When a consumer is removed, the last consumer of its turn takes its place
   * in the list.
   */
  readonly #turns: Consumer[][] = Array.from({ length: turns }, () => []);
  #count = 0;
  /** How many consumers were added so far. The number says which turn the next consumer goes to. */
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

  /** Removes a consumer from the heartbeat. A second call does nothing. */
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
    // The loop runs backwards. When a consumer is removed, the last consumer of the list takes its place, and that one
    // had its beat already.
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
