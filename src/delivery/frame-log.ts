/**
 * The last frames of a stream, for its blocked consumers. The waiting frames of a consumer are always everything from
 * some offset on. So a consumer needs no list: it is a reader at an offset. The log keeps the frames from the first
 * reader on.
 */

import type { FanOut } from "./fan-out.js";
import { type Frame, lasting } from "./frames/frame.js";
import type { WriteBatch } from "./write-batch.js";

/** Offsets are numbers that only grow: that of a frame is how many were appended before it. */
export class FrameLog {
  readonly #frames: Frame[] = [];
  /** By frame: how many bytes were appended before it, in all. */
  readonly #bytesBefore: number[] = [];
  #start = 0;
  #bytes = 0;
  /** Counts what is kept, of all logs of a node. */
  readonly #waiting: { frameBytes: number };
  /** How many readers stand at an offset, from the first one to the end. */
  readonly #readers: number[] = [0];

  constructor(waiting = { frameBytes: 0 }) {
    this.#waiting = waiting;
  }

  /** The offset of the first frame that is kept. */
  get start(): number {
    return this.#start;
  }

  /** The offset after the last frame. */
  get end(): number {
    return this.#start + this.#frames.length;
  }

  /** KiB that were appended in all. */
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

  /** Frames from a reader's offset on, so many at most. */
  read(offset: number, count: number): Frame[] {
    const from = offset - this.#start;
    return this.#frames.slice(from, from + count);
  }

  /** What one write may hand over from a reader's offset on; empty at the end. */
  readBatch(offset: number, fanOut: Pick<FanOut<unknown>, "batchEnd">): WriteBatch {
    const from = offset - this.#start;
    return this.#frames.slice(from, fanOut.batchEnd(this.#frames, from));
  }

  /** From a reader's offset on. */
  bytesFrom(offset: number): number {
    return offset === this.end ? 0 : this.#bytes - (this.#bytesBefore[offset - this.#start] as number);
  }

  enter(offset: number): void {
    this.#count(offset, 1);
  }

  /** Moves a reader from one offset to another. The frame of the new offset must still be in the log. */
  move(from: number, to: number): void {
    this.#count(to, 1);
    this.leave(from);
  }

  /** Removes a reader, and the frames that only this reader needed. */
  leave(offset: number): void {
    this.#count(offset, -1);
    if (offset === this.#start) this.#trim();
  }

  /** Those from an offset on have been given to whoever takes them. What is kept of them is for those who read later. */
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
  }

  #count(offset: number, by: number): void {
    const at = offset - this.#start;
    this.#readers[at] = (this.#readers[at] as number) + by;
  }
}
