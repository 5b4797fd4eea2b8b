/** The peer of a consumer, as the gateway knows it: its signs of life, and how much of what it was given it has read. */

import type { Stream } from "./stream.js";

export abstract class Peer {
  /** The stream whose frames this consumer gets. A consumer that narrows what it gets changes to another stream. */
  stream: Stream;
  /** The place of this consumer in the lists of the heartbeat; -1 when the consumer is not in a list any more. */
  beatIndex = -1;
  /** How many beats of the heartbeat have passed since the peer's last sign of life. */
  silence = 0;
  /** The connection of this consumer. Only its fan-out can use it. */
  protected readonly connection: unknown;
  /** How far the peer has certainly read, in KiB since the begin of the stream. An answered ping shows that. */
  #confirmed: number;
  /** How many KiB the stream had been given when the unanswered ping was sent. Undefined when no ping is unanswered. */
  #asked: number | undefined;

  constructor(connection: unknown, stream: Stream) {
    this.connection = connection;
    this.stream = stream;
    this.#confirmed = stream.log.kibibytes;
  }

  /** How many KiB the stream of this consumer was given so far. Frames from before the consumer joined count too. */
  get given(): number {
    return this.stream.log.kibibytes;
  }

  /** How far the peer has certainly read, in KiB since the begin of the stream. An answered ping shows that. */
  get confirmed(): number {
    return this.#confirmed;
  }

  /**
   * Sends the peer a ping after all bytes that the connection was given before. Frames that wait in the frame log come
   * after the ping. Does nothing while the peer has not answered an earlier ping.
   */
  ping(): void {
    if (this.#asked !== undefined) return;
    this.#asked = this.given;
    this.stream.fanOut.ping(this.connection);
  }

  /** Tells the consumer that its peer answered the last ping. */
  answered(): void {
    this.#confirmed = this.#asked ?? this.#confirmed;
    this.#asked = undefined;
  }

  /**
   * Offers the connection again the bytes that it has not taken. Returns how many bytes are left, or undefined when the
   * connection took none of them.
   */
  nudge(): number | undefined {
    const before = this.buffered;
    this.stream.fanOut.nudge(this.connection);
    const left = this.buffered;
    return left === 0 || left < before ? left : undefined;
  }

  /** Lets so many KiB count as given to this peer alone: the stream was not given them. */
  givenBeside(kibibytes: number): void {
    this.#shift(-kibibytes);
  }

  protected get buffered(): number {
    return this.stream.fanOut.bufferedBytes(this.connection);
  }

  /** Goes over to another stream of the same fan-out, which was given another number of KiB. */
  protected moveTo(to: Stream): void {
    this.#shift(to.log.kibibytes - this.stream.log.kibibytes);
    this.stream = to;
  }

  #shift(kibibytes: number): void {
    this.#confirmed += kibibytes;
    if (this.#asked !== undefined) this.#asked += kibibytes;
  }
}
