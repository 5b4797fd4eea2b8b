/**
 * The last frames of a group, for its blocked sockets. What waits for one is always everything behind some place in here,
 * so a socket needs no list of its own: it is a reader that stands at a place. Frames behind the first reader are kept.
 */

import type { Chunk } from "./chunk.js";
import { type Frame, lasting } from "./frame.js";

/** Places are numbers that only grow: that of a frame is how many were appended before it. */
export class FrameLog {
  readonly #frames: Frame[] = [];
  /** By frame: how many bytes were appended before it, in all. */
  readonly #bytesBefore: number[] = [];
  #start = 0;
  #bytes = 0;
  /** Counts what is kept, of all logs of a node. */
  readonly #waiting: { frameBytes: number };
  /** How many readers stand at a place, from the first one to the end. */
  readonly #readers: number[] = [0];

  constructor(waiting = { frameBytes: 0 }) {
    this.#waiting = waiting;
  }

  /** The place of the first frame that is kept. */
  get start(): number {
    return this.#start;
  }

  /** The place behind the last frame. */
  get end(): number {
    return this.#start + this.#frames.length;
  }

  /** KiB that were appended in all. */
  get kibibytes(): number {
    return Math.floor(this.#bytes / 1024);
  }

  append(chunk: Chunk): void {
    for (const frame of chunk) {
      this.#frames.push(frame);
      this.#bytesBefore.push(this.#bytes);
      this.#bytes += frame.length;
      this.#waiting.frameBytes += frame.length;
      this.#readers.push(0);
    }
  }

  /** Frames from a reader's place on, so many at most. */
  read(place: number, count: number): Frame[] {
    const from = place - this.#start;
    return this.#frames.slice(from, from + count);
  }

  /** From a reader's place on. */
  bytesFrom(place: number): number {
    return place === this.end ? 0 : this.#bytes - (this.#bytesBefore[place - this.#start] as number);
  }

  enter(place: number): void {
    this.#count(place, 1);
  }

  /** A reader goes from one place to another, whose frame must still be kept. */
  move(from: number, to: number): void {
    this.#count(to, 1);
    this.leave(from);
  }

  /** What only this reader needed is let go. */
  leave(place: number): void {
    this.#count(place, -1);
    if (place === this.#start) this.#trim();
  }

  /** Those from a place on have been given to whoever takes them, and what is kept of them is for those who read later. */
  settle(place: number): void {
    for (let at = Math.max(place - this.#start, 0); at < this.#frames.length; at++)
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

  #count(place: number, by: number): void {
    const at = place - this.#start;
    this.#readers[at] = (this.#readers[at] as number) + by;
  }
}
