/** One open connection: writes what it can take, parks what it cannot, and says when it has become too slow. */

import type { Close } from "../domain/closes.js";
import type { Principal } from "../domain/instance.js";
import { Backlog } from "./backlog.js";
import { allTaken } from "./fan-out.js";
import type { Frame } from "./frames/frame.js";
import type { Stream } from "./stream.js";
import type { WriteBatch } from "./write-batch.js";

/** Keep it small, with few fields and no closures: there may be hundreds of thousands of consumers. */
export class Consumer {
  readonly principal: Principal;
  readonly stream: Stream;
  /** The offset of its first frame. Earlier frames were accepted before it joined. */
  readonly joinedAt: number;
  /** Its index in the stream's list; -1 once it is out of it. */
  index = -1;
  /** Its index in the heartbeat's list; -1 once it is out of it. */
  beatIndex = -1;
  /** Beats of the heartbeat since the last sign of life. */
  silence = 0;
  /** Its fan-out's. */
  readonly #connection: unknown;
  readonly #openedAt = now();
  /**
   * Positions in what its stream was given, in KiB: up to where a ping was answered, and where an unanswered ping
   * stands.
   */
  #confirmed: number;
  #asked: number | undefined;
  #open = true;
  /** Whether it takes part in the broadcasts of its stream while it is not blocked. */
  #broadcasts = false;
  /** Present while it is blocked. */
  #backlog: Backlog | undefined;

  constructor(connection: unknown, stream: Stream, principal: Principal) {
    this.#connection = connection;
    this.stream = stream;
    this.principal = principal;
    this.joinedAt = stream.log.end + stream.ahead;
    this.#confirmed = stream.log.kibibytes;
  }

  /** False once the connection is gone; nothing may touch it then. */
  get open(): boolean {
    return this.#open;
  }

  get blocked(): boolean {
    return this.#backlog !== undefined;
  }

  /** KiB that its stream was given so far, including frames from before this consumer joined. */
  get given(): number {
    return this.stream.log.kibibytes;
  }

  /** Of these, what its peer is known to have read: a ping after it was answered. */
  get confirmed(): number {
    return this.#confirmed;
  }

  /** Sends the peer a ping after everything that was handed over. Does nothing while an earlier ping is unanswered. */
  ping(): void {
    if (this.#asked !== undefined) return;
    this.#asked = this.given;
    this.stream.fanOut.ping(this.#connection);
  }

  answered(): void {
    this.#confirmed = this.#asked ?? this.#confirmed;
    this.#asked = undefined;
  }

  /**
   * Offers the connection its untaken bytes again. Returns how many bytes are still untaken, or undefined when the
   * connection took nothing.
   */
  nudge(): number | undefined {
    const before = this.#buffered;
    this.stream.fanOut.nudge(this.#connection);
    const left = this.#buffered;
    return left === 0 || left < before ? left : undefined;
  }

  /** Bytes that its connection holds beside frames: answers to pings of its peer. */
  get heldBesideFrames(): number {
    return this.#buffered - (this.#backlog?.held ?? 0);
  }

  /** The frames and bytes that wait for it. Frames that also wait for others are included. */
  get waitingBytes(): number {
    return this.#backlog?.bytes(this.#buffered) ?? this.#buffered;
  }

  /** What is told of it when it is closed, as long as nothing is dropped. */
  describe() {
    const waitingFrames = this.#backlog?.frames(this.#buffered) ?? 0;
    return {
      openSeconds: now() - this.#openedAt,
      framesDelivered: Math.max(0, this.stream.log.end - this.joinedAt - waitingFrames),
      waitingFrames,
      waitingBytes: this.waitingBytes,
    };
  }

  /** Takes part in the broadcasts of its stream, unless it is blocked; then as soon as it is not any more. */
  joinBroadcasts(): void {
    this.#broadcasts = true;
    if (this.#backlog === undefined) this.#join();
  }

  /** Checks whether the connection took the last broadcast. If it did not, the consumer is blocked from now on. */
  check(broadcast: WriteBatch): void {
    if (this.#backlog === undefined && this.#buffered > 0) this.#hold(broadcast, this.stream.log.end);
  }

  /**
   * Hands over batches that were just appended to the log, the first one at `offset`. From a batch that the connection
   * refuses on, they stay in the log. False when too much waits and the consumer must be closed.
   */
  deliver(batches: readonly WriteBatch[], offset: number, bytesMax: number): boolean {
    let end = offset;
    for (const batch of batches) {
      if (this.#backlog !== undefined) return this.park(bytesMax);
      end += batch.length;
      this.#write(batch, 0, end);
    }
    return true;
  }

  /** The same for a batch that is broadcast to those that are not blocked. */
  park(bytesMax: number): boolean {
    return this.#backlog === undefined || this.#backlog.fits(this.#buffered, bytesMax);
  }

  /** Once the connection holds nothing: writes what is parked until it refuses again. */
  resume(): void {
    if (this.#buffered > 0) return;
    for (let backlog = this.#backlog; backlog !== undefined; backlog = this.#backlog) {
      const batch = backlog.next();
      if (batch.length === 0) this.#unblock();
      else if (!this.#write(batch, backlog.begun, this.stream.log.end)) return;
    }
  }

  /** Says why and ends. What is parked is dropped: the close covers it, also in the middle of a frame. */
  end(close: Close): void {
    this.#forget();
    this.stream.fanOut.end(this.#connection, close);
  }

  /** Ends the connection without a close reason. */
  cut(): void {
    this.#forget();
    this.stream.fanOut.cut(this.#connection);
  }

  /**
   * Drops the parked frames at the start of a close that must wait for the connection. The consumer gets no broadcast
   * afterwards.
   */
  drop(): void {
    if (this.#backlog === undefined && this.#broadcasts) this.#leave();
    this.#broadcasts = false;
    this.stream.waiting.blocked.delete(this);
    this.#backlog?.drop();
  }

  /** Tells that the connection is gone, whichever side ended it. */
  gone(): void {
    this.#open = false;
    this.#forget();
  }

  get #buffered(): number {
    return this.stream.fanOut.bufferedBytes(this.#connection);
  }

  #join(): void {
    this.stream.fanOut.broadcaster?.join(this.#connection, this.stream.topic);
  }

  #leave(): void {
    this.stream.fanOut.broadcaster?.leave(this.#connection, this.stream.topic);
  }

  #forget(): void {
    if (this.#backlog === undefined) return;
    this.stream.waiting.blocked.delete(this);
    this.#backlog.clear();
    this.#backlog = undefined;
  }

  /**
   * From here on it waits for everything at or after `offset`. Leaves the broadcasts, which would else come between the
   * parts of a frame.
   */
  #block(offset: number): Backlog {
    const { fanOut, log, waiting } = this.stream;
    if (this.#broadcasts) this.#leave();
    waiting.blocked.add(this);
    this.#backlog = new Backlog(fanOut, log, offset);
    return this.#backlog;
  }

  #unblock(): void {
    this.#forget();
    if (this.#broadcasts) this.#join();
  }

  /** Hands over a batch that ends at the offset `end`, or what comes after `begun` of a single frame. False: it is blocked. */
  #write(batch: WriteBatch, begun: number, end: number): boolean {
    const left = this.stream.fanOut.write(this.#connection, batch, begun);
    if (left > 0) {
      const backlog = this.#backlog ?? this.#block(end - 1);
      backlog.holdBegun((batch[0] as Frame).length - left, this.#buffered);
      return false;
    }
    this.#backlog?.handedOver(batch.length);
    if (left === allTaken) return true;
    this.#hold(batch, end);
    return false;
  }

  #hold(inside: WriteBatch, end: number): void {
    const backlog = this.#backlog ?? this.#block(end);
    backlog.hold(inside, this.#buffered);
  }
}

/** In whole seconds, since a small number costs a consumer no memory of its own. */
function now(): number {
  return Math.floor(performance.now() / 1000);
}
