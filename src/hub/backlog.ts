/** What waits for one blocked socket, and the rule that ends it: 256 frames, or the byte limit. */

import { type Chunk, chunkEnd, framesWithin } from "./chunk.js";
import type { Frame } from "./frame.js";

/** The 257th waiting frame disconnects the client (the service's documented buffer). */
export const waitingFramesMax = 256;

export class Backlog {
  /** The chunk whose tail uWebSockets still holds. Nothing else is ever inside it, so its frames can be counted. */
  #inside: Chunk;
  /** References to frames that all sockets share, oldest first. */
  #parked: Frame[] = [];
  #parkedBytes = 0;

  constructor(inside: Chunk) {
    this.#inside = inside;
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

  /** Takes out what one write may hand over; empty when nothing is parked any more. */
  next(): Chunk {
    const chunk = this.#parked.splice(0, chunkEnd(this.#parked, 0));
    for (const frame of chunk) this.#parkedBytes -= frame.length;
    this.#inside = chunk;
    return chunk;
  }
}
