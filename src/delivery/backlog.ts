/** What waits for one blocked consumer, and the rule that ends it: 256 frames, or the byte limit. */

import type { FanOut } from "./fan-out.js";
import type { FrameLog } from "./frame-log.js";
import { countWithin, sizesWithin, type WriteBatch } from "./write-batch.js";

/** The 257th waiting frame disconnects the client (the service's documented buffer). */
const waitingFramesMax = 256;

export class Backlog {
  /**
   * Sizes of the frames whose bytes the connection still holds: not the frames, which nobody needs any more. One that is
   * begun is not among them: it counts as parked.
   */
  #inside: readonly number[] = [];
  readonly #fanOut: FanOut<unknown>;
  /** Shared by the consumers of a stream. */
  readonly #log: FrameLog;
  /** From here on the frames of the log are parked; undefined once they are dropped. */
  #offset: number | undefined;
  #begun = 0;
  /** What of the fan-out's buffered bytes is this consumer's. */
  #held = 0;

  /** `offset`: of the first frame that is not handed over. */
  constructor(fanOut: FanOut<unknown>, log: FrameLog, offset: number) {
    this.#fanOut = fanOut;
    this.#log = log;
    this.#offset = offset;
    log.enter(offset);
  }

  /** Bytes of the first parked frame that were handed over: it must go on there before all else. */
  get begun(): number {
    return this.#begun;
  }

  /** Bytes that the connection held after the last write. */
  get held(): number {
    return this.#held;
  }

  /** After a write that was not wholly taken: the connection holds `buffered` bytes, of the batch's end. */
  hold(batch: WriteBatch, buffered: number): void {
    this.#inside = sizesWithin(batch, buffered, this.#fanOut);
    this.#fanOut.buffered.bytes += buffered - this.#held;
    this.#held = buffered;
  }

  /** The same when only so many bytes of the first parked frame are handed over. */
  holdBegun(begun: number, buffered: number): void {
    this.#begun = begun;
    this.hold([], buffered);
  }

  /**
   * Whether it may wait for all that is in the log: at most 256 frames, and no more bytes than `bytesMax`; `buffered` is
   * what the connection holds now. False: the consumer must go.
   */
  fits(buffered: number, bytesMax: number): boolean {
    return this.frames(buffered) <= waitingFramesMax && this.bytes(buffered) <= bytesMax;
  }

  /** How many frames wait. */
  frames(buffered: number): number {
    return this.#log.end - (this.#offset ?? this.#log.end) + countWithin(this.#inside, buffered);
  }

  /** How many bytes wait, of payload where they are parked. */
  bytes(buffered: number): number {
    return this.#log.bytesFrom(this.#offset ?? this.#log.end) - this.#begun + buffered;
  }

  /** Once the connection holds nothing: what one write may hand over; empty when nothing is parked any more. */
  next(): WriteBatch {
    if (this.#offset === undefined) return [];
    return this.#begun > 0 ? this.#log.read(this.#offset, 1) : this.#log.readBatch(this.#offset, this.#fanOut);
  }

  /** So many of the first frames are handed over. */
  handedOver(frames: number): void {
    if (this.#offset === undefined) return;
    this.#log.move(this.#offset, this.#offset + frames);
    this.#offset += frames;
    this.#begun = 0;
    this.hold([], 0);
  }

  /** Drops what is parked. What the connection holds stays until it is gone. Idempotent. */
  drop(): void {
    if (this.#offset === undefined) return;
    this.#log.leave(this.#offset);
    this.#offset = undefined;
    this.#begun = 0;
    this.#fanOut.buffered.leaving += this.#held;
  }

  /** Drops everything, what the connection holds included: it is no longer this consumer's to count. Idempotent. */
  clear(): void {
    this.drop();
    this.#fanOut.buffered.leaving -= this.#held;
    this.hold([], 0);
  }
}
