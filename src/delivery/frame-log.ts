/**
 * The last frames of a stream, kept for its blocked consumers. A blocked consumer always waits for every frame from
 * some offset on. So a consumer needs no list of frames: it is a reader at an offset. The log keeps the frames from the
 * lowest offset of a reader on.
 */

import type { FanOut } from "./fan-out.js";
import { type Frame, lasting } from "./frames/frame.js";
import { type Place, Places } from "./places.js";
import type { WriteBatch } from "./write-batch.js";

/**
 * Keeps frames by offset. The offset of a frame is the number of frames that were appended before it. Offsets only
 * grow.
 */
export class FrameLog {
  readonly #frames: Frame[] = [];
  /** For each frame that the log keeps: how many bytes were appended to the log before this frame. */
  readonly #bytesBefore: number[] = [];
  #start = 0;
  #bytes = 0;
  /** Counts the bytes of all frames that the logs of a node keep. */
  readonly #waiting: { frameBytes: number };
  /** How many readers stand at each offset, from the first frame that is kept to the end of the log. */
  readonly #readers: number[] = [0];
  /** Present after the first call of `place`. */
  #places: Places | undefined;

  constructor(waiting = { frameBytes: 0 }) {
    this.#waiting = waiting;
  }

  /** The offset of the first frame that the log still keeps. */
  get start(): number {
    return this.#start;
  }

  /** The offset after the last frame: the next frame that is appended gets it. */
  get end(): number {
    return this.#start + this.#frames.length;
  }

  /** How many KiB were appended to the log so far. Frames that the log no longer keeps count too. */
  get kibibytes(): number {
    return Math.floor(this.#bytes / 1024);
  }

  append(frames: readonly Frame[]): void {
    for (const frame of frames) {
      this.#frames.push(frame);
      this.#bytesBefore.push(this.#bytes);
      this.#bytes += frame.length;
      this.#waiting.frameBytes += frame.length;
      this.#readers.push(0);
    }
  }

  /** Notes an event: the offset of its frame, and its position if the event has one. The offset must be greater than all before. */
  place(offset: number, position: string | undefined): void {
    this.#places ??= new Places();
    this.#places.add(offset, position);
  }

  /** Returns the place of the last event before a reader's offset. Undefined when no event was noted. */
  placeBefore(offset: number): Place | undefined {
    return this.#places?.before(offset);
  }

  /** Returns at most `count` frames, the first one at a reader's offset. */
  read(offset: number, count: number): Frame[] {
    const from = offset - this.#start;
    return this.#frames.slice(from, from + count);
  }

  /** Returns all frames from a reader's offset to the end of the log. */
  from(offset: number): Frame[] {
    return this.#frames.slice(offset - this.#start);
  }

  /**
   * Returns the frames that one write may hand over, the first one at a reader's offset. Returns none at the end of the
   * log.
   */
  readBatch(offset: number, fanOut: Pick<FanOut<unknown>, "batchEnd">): WriteBatch {
    const from = offset - this.#start;
    return this.#frames.slice(from, fanOut.batchEnd(this.#frames, from));
  }

  /** Returns how many bytes the frames have from a reader's offset to the end of the log. */
  bytesFrom(offset: number): number {
    return offset === this.end ? 0 : this.#bytes - (this.#bytesBefore[offset - this.#start] as number);
  }

  enter(offset: number): void {
    this.#count(offset, 1);
  }

  /** Moves a reader from one offset to another. The new offset must not be before `start`. */
  move(from: number, to: number): void {
    this.#count(to, 1);
    this.leave(from);
  }

  /** Removes a reader that stands at an offset, and drops the frames that only this reader needed. */
  leave(offset: number): void {
    this.#count(offset, -1);
    if (offset === this.#start) this.#trim();
  }

  /**
   * Copies the frames from an offset on into memory of their own (see `lasting`). Call `settle` when these frames were
   * given to all consumers. The frames that the log still keeps then wait for blocked consumers.
   */
  settle(offset: number): void {
    for (let at = Math.max(offset - this.#start, 0); at < this.#frames.length; at++)
      this.#frames[at] = lasting(this.#frames[at] as Frame);
  }

  #trim(): void {
    const needed = this.#readers.findIndex((count) => count > 0);
    const unneeded = needed === -1 ? this.#frames.length : needed;
    this.#waiting.frameBytes -= this.bytesFrom(this.#start) - this.bytesFrom(this.#start + unneeded);
    this.#frames.splice(0, unneeded);
    this.#bytesBefore.splice(0, unneeded);
    this.#readers.splice(0, unneeded);
    this.#start += unneeded;
    this.#places?.forgetBefore(this.#start);
  }

  #count(offset: number, by: number): void {
    const at = offset - this.#start;
    this.#readers[at] = (this.#readers[at] as number) + by;
  }
}
