/** What waits for one blocked socket, and the rule that ends it: 256 frames, or the byte limit. */

import { type Chunk, chunkEnd, framesWithin } from "./chunk.js";
import type { Copies } from "./copies.js";
import type { Frame } from "./frame.js";

/** The 257th waiting frame disconnects the client (the service's documented buffer). */
export const waitingFramesMax = 256;

export class Backlog {
  /** The chunk whose tail uWebSockets still holds. Of a frame that is begun it is not told: that one counts as parked. */
  #inside: Chunk = [];
  /** References to frames that all sockets share, oldest first. */
  #parked: Frame[] = [];
  /** Without what was handed over of the first. */
  #parkedBytes = 0;
  #begun = 0;
  readonly #copies: Copies;
  /** What of `copies.bytes` is this socket's. */
  #copied = 0;

  constructor(copies: Copies) {
    this.#copies = copies;
  }

  /** Bytes of the first parked frame that were handed over as fragments: the message must go on there before all else. */
  get begun(): number {
    return this.#begun;
  }

  /** After a write that the kernel did not wholly take: `buffered` bytes of the chunk's end are copied in uWebSockets. */
  hold(inside: Chunk, buffered: number): void {
    this.#inside = inside;
    this.#count(buffered);
  }

  /** The same after a fragment: the frame waits in front of all others, and goes on at `begun`. */
  holdBegun(frame: Frame, begun: number, buffered: number): void {
    this.#parked.unshift(frame);
    this.#parkedBytes += frame.length - begun;
    this.#begun = begun;
    this.hold([], buffered);
  }

  /**
   * Takes one more frame, unless that would make 257 of them or more bytes than `bytesMax`; `buffered` is what
   * uWebSockets holds now. False: the socket must go.
   */
  park(frame: Frame, buffered: number, bytesMax: number): boolean {
    if (this.#parked.length + framesWithin(this.#inside, buffered) >= waitingFramesMax) return false;
    if (this.#parkedBytes + buffered + frame.length > bytesMax) return false;
    this.#parked.push(frame);
    this.#parkedBytes += frame.length;
    return true;
  }

  /** Once uWebSockets holds nothing: takes out what one write may hand over; empty when nothing is parked any more. */
  next(): Chunk {
    const chunk = this.#parked.splice(0, this.#begun > 0 ? 1 : chunkEnd(this.#parked, 0));
    for (const frame of chunk) this.#parkedBytes -= frame.length;
    this.#parkedBytes += this.#begun;
    this.#begun = 0;
    this.hold([], 0);
    return chunk;
  }

  /** Drops everything, what is copied included: it is no longer this socket's to count. */
  clear(): void {
    this.#parked = [];
    this.#parkedBytes = 0;
    this.#begun = 0;
    this.hold([], 0);
  }

  #count(copied: number): void {
    this.#copies.bytes += copied - this.#copied;
    this.#copied = copied;
  }
}
