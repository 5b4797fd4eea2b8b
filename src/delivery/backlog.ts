/**
 * The frames that wait for one blocked consumer. The consumer is closed when more than 256 frames wait, or too many
 * bytes.
 */

import type { FanOut } from "./fan-out.js";
import { FrameLog } from "./frame-log.js";
import type { Frame } from "./frames/frame.js";
import type { Place } from "./places.js";
import type { Waiting } from "./waiting.js";
import { countWithin, sizesWithin, type WriteBatch } from "./write-batch.js";

/**
 * Most frames that may wait for a consumer. The documents promise this number: the 257th waiting frame disconnects the
 * client.
 */
export const waitingFramesMax = 256;

export class Backlog {
  /**
   * Sizes of the frames whose bytes the connection still holds. The frames themselves are not needed any more. A frame
   * that was handed over in part is not in this list, because it still waits in the frame log.
   */
  #inside: readonly number[] = [];
  readonly #fanOut: FanOut<unknown>;
  /**
   * The frame log of the stream, which all consumers of the stream share. After the consumer has changed its stream, a log of the
   * consumer's own with the frames from before the change, until the consumer has got them.
   */
  #log: FrameLog;
  /**
   * The offset of the first frame in the log that waits for this consumer. Undefined once the waiting frames were
   * dropped.
   */
  #offset: number | undefined;
  /**
   * Present after the consumer has changed its stream, until the consumer has got all frames of `#log`: the log of the new stream,
   * and the offset from which on its frames wait.
   */
  #next: { readonly log: FrameLog; readonly offset: number } | undefined;
  #begun = 0;
  /** How many of the fan-out's buffered bytes belong to this consumer. */
  #held = 0;
  /** Whether the waiting frames were dropped, because the consumer is being closed. */
  #dropped = false;

  /** `offset` is the offset of the first frame that was not wholly handed over to the connection. */
  constructor(fanOut: FanOut<unknown>, log: FrameLog, offset: number) {
    this.#fanOut = fanOut;
    this.#log = log;
    this.#offset = offset;
    log.enter(offset);
  }

  /** Makes the backlog of a consumer that reads a log of its own, with these frames. */
  static of(fanOut: FanOut<unknown>, frames: readonly Frame[], positions: readonly string[]): Backlog {
    const log = new FrameLog();
    log.append(frames);
    for (const [offset, position] of positions.entries()) log.place(offset, position);
    return new Backlog(fanOut, log, log.start);
  }

  /** Whether the consumer has changed its stream, and still gets frames from before the change. */
  get changing(): boolean {
    return this.#next !== undefined;
  }

  /** The place of the last event whose frame was handed over, or of which a part was. */
  get handed(): Place | undefined {
    return this.#offset === undefined ? undefined : this.#log.placeBefore(this.#offset + Math.sign(this.#begun));
  }

  /** How many bytes of the first waiting frame were handed over. The next write must go on after them. */
  get begun(): number {
    return this.#begun;
  }

  /** How many bytes the connection held after the last write. */
  get held(): number {
    return this.#held;
  }

  /**
   * Notes a write that the connection did not wholly take. The connection still holds the last `buffered` bytes of the
   * batch.
   */
  hold(batch: WriteBatch, buffered: number): void {
    this.#inside = sizesWithin(batch, buffered, this.#fanOut);
    const more = buffered - this.#held;
    this.#fanOut.buffered.bytes += more;
    if (this.#dropped) this.#fanOut.buffered.leaving += more;
    this.#held = buffered;
  }

  /**
   * Notes a write of which only the first `begun` bytes of the first waiting frame were handed over. The connection
   * holds `buffered` bytes.
   */
  holdBegun(begun: number, buffered: number): void {
    this.#begun = begun;
    this.hold([], buffered);
  }

  /**
   * Whether the consumer may wait for everything in the log: at most 256 frames, and at most `bytesMax` bytes.
   * `buffered` is the number of bytes that the connection holds now. When the answer is false, close the consumer.
   */
  fits(buffered: number, bytesMax: number): boolean {
    return this.frames(buffered) <= waitingFramesMax && this.bytes(buffered) <= bytesMax;
  }

  /** Returns how many frames wait for the consumer. `buffered` is the number of bytes that the connection holds now. */
  frames(buffered: number): number {
    const later = this.#next === undefined ? 0 : this.#next.log.end - this.#next.offset;
    return this.#log.end - (this.#offset ?? this.#log.end) + later + countWithin(this.#inside, buffered);
  }

  /**
   * Returns how many bytes wait for the consumer: the payload of the frames in the log, and the `buffered` bytes that
   * the connection holds now.
   */
  bytes(buffered: number): number {
    const later = this.#next?.log.bytesFrom(this.#next.offset) ?? 0;
    return this.#log.bytesFrom(this.#offset ?? this.#log.end) + later - this.#begun + buffered;
  }

  /**
   * Returns the frames that the next write may hand over, or none when no frame waits. Call `next` when the connection
   * holds no bytes.
   */
  next(): WriteBatch {
    if (this.#offset === undefined) return [];
    return this.#begun > 0 ? this.#log.read(this.#offset, 1) : this.#log.readBatch(this.#offset, this.#fanOut);
  }

  /** Notes that a write handed over the first `frames` waiting frames. */
  handedOver(frames: number): void {
    if (this.#offset === undefined) return;
    this.#log.move(this.#offset, this.#offset + frames);
    this.#offset += frames;
    this.#begun = 0;
    this.hold([], 0);
    if (this.#next === undefined || this.#offset < this.#log.end) return;
    this.#log.leave(this.#offset);
    this.#log = this.#next.log;
    this.#offset = this.#next.offset;
    this.#next = undefined;
  }

  /**
   * Lets the consumer go on at the end of another log, because the consumer changes its stream. The frames that wait already stay
   * first, and `frames` follow them. `waiting` counts the bytes of these frames.
   */
  change(to: FrameLog, frames: readonly Frame[], waiting: Waiting): void {
    const before = [...this.#parked(), ...frames];
    this.#leaveLogs();
    const next = { log: to, offset: to.end };
    to.enter(next.offset);
    if (before.length === 0) {
      this.#log = next.log;
      this.#offset = next.offset;
      return;
    }
    this.#readOwn(before, waiting);
    this.#next = next;
  }

  /** Reads these frames in a log of the consumer's own. */
  #readOwn(frames: readonly Frame[], waiting: Waiting): void {
    this.#log = new FrameLog(waiting);
    this.#offset = this.#log.end;
    this.#log.enter(this.#offset);
    this.#log.append(frames);
    this.#log.settle(this.#offset);
  }

  #parked(): readonly Frame[] {
    if (this.#offset === undefined) return [];
    return [...this.#log.from(this.#offset), ...(this.#next?.log.from(this.#next.offset) ?? [])];
  }

  #leaveLogs(): void {
    if (this.#offset !== undefined) this.#log.leave(this.#offset);
    this.#next?.log.leave(this.#next.offset);
    this.#offset = undefined;
    this.#next = undefined;
  }

  /**
   * Drops the frames that wait in the log. The bytes that the connection holds still count. With `finishIn` a frame that was handed
   * over in part stays, since another frame may follow only after the whole of it; `finishIn` counts its bytes. A second call does
   * nothing.
   */
  drop(finishIn?: Waiting): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#fanOut.buffered.leaving += this.#held;
    const begun = this.#begun > 0 ? this.#parked()[0] : undefined;
    this.#leaveLogs();
    if (begun !== undefined && finishIn !== undefined) this.#readOwn([begun], finishIn);
    else this.#begun = 0;
  }

  /** Drops the waiting frames, and no longer counts the bytes that the connection holds. A second call does nothing. */
  clear(): void {
    this.drop();
    this.#leaveLogs();
    this.hold([], 0);
  }
}
