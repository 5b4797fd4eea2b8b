/** The waiting frames of one blocked consumer, and the rule that closes it: 256 frames, or the byte limit. */

import type { FanOut } from "./fan-out.js";
import type { FrameLog } from "./frame-log.js";
import { countWithin, sizesWithin, type WriteBatch } from "./write-batch.js";

/** The 257th waiting frame disconnects the client (the service's documented buffer). */
const waitingFramesMax = 256;

export class Backlog {
  /**
   * Sizes of the frames whose bytes the connection still holds. The frames themselves are not needed any more. A frame
   * that was handed over in part is not in this list, because it counts as parked.
   */
  #inside: readonly number[] = [];
  readonly #fanOut: FanOut<unknown>;
  /** Shared by the consumers of a stream. */
  readonly #log: FrameLog;
  /** The offset from which the frames of the log are parked. Undefined once they are dropped. */
  #offset: number | undefined;
  #begun = 0;
  /** The part of the fan-out's buffered bytes that belongs to this consumer. */
  #held = 0;

  /** `offset` is that of the first frame that is not handed over. */
  constructor(fanOut: FanOut<unknown>, log: FrameLog, offset: number) {
    this.#fanOut = fanOut;
    this.#log = log;
    this.#offset = offset;
    log.enter(offset);
  }

  /** Bytes of the first parked frame that were handed over. The next write must go on there. */
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
   * Whether the consumer may wait for everything in the log: at most 256 frames, and at most `bytesMax` bytes.
   * `buffered` is the number of bytes that the connection holds now. When it is false, close the consumer.
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

  /** Drops the parked frames. The bytes that the connection holds still count. It may be called again. */
  drop(): void {
    if (this.#offset === undefined) return;
    this.#log.leave(this.#offset);
    this.#offset = undefined;
    this.#begun = 0;
    this.#fanOut.buffered.leaving += this.#held;
  }

  /** Drops everything, and no longer counts the bytes that the connection holds. It may be called again. */
  clear(): void {
    this.drop();
    this.#fanOut.buffered.leaving -= this.#held;
    this.hold([], 0);
  }
}
