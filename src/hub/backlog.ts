/** What waits for one blocked socket, and the rule that ends it: 256 frames, or the byte limit. */

import { type Chunk, chunkEnd, corkFrames, countWithin, sizesWithin } from "./chunk.js";
import type { Copies } from "./copies.js";
import type { FrameLog } from "./frame-log.js";

/** The 257th waiting frame disconnects the client (the service's documented buffer). */
const waitingFramesMax = 256;

export class Backlog {
  /**
   * Sizes of the frames whose bytes uWebSockets still holds: not the frames, which nobody needs any more. One that is begun
   * is not among them: it counts as parked.
   */
  #inside: readonly number[] = [];
  /** Shared by the sockets of a group. */
  readonly #log: FrameLog;
  /** From here on the frames of the log are parked; undefined once they are dropped. */
  #place: number | undefined;
  #begun = 0;
  readonly #copies: Copies;
  /** What of `copies.bytes` is this socket's. */
  #copied = 0;

  /** `place`: of the first frame that is not handed over. */
  constructor(copies: Copies, log: FrameLog, place: number) {
    this.#copies = copies;
    this.#log = log;
    this.#place = place;
    log.enter(place);
  }

  /** Bytes of the first parked frame that were handed over as fragments: the message must go on there before all else. */
  get begun(): number {
    return this.#begun;
  }

  /** Bytes that uWebSockets held behind the last write. */
  get copied(): number {
    return this.#copied;
  }

  /** After a write that the kernel did not wholly take: `buffered` bytes of the chunk's end are copied in uWebSockets. */
  hold(chunk: Chunk, buffered: number): void {
    this.#inside = sizesWithin(chunk, buffered);
    this.#copies.bytes += buffered - this.#copied;
    this.#copied = buffered;
  }

  /** The same after a fragment: of the first parked frame so many bytes are handed over. */
  holdBegun(begun: number, buffered: number): void {
    this.#begun = begun;
    this.hold([], buffered);
  }

  /**
   * Whether it may wait for all that is in the log: at most 256 frames, and no more bytes than `bytesMax`; `buffered` is
   * what uWebSockets holds now. False: the socket must go.
   */
  fits(buffered: number, bytesMax: number): boolean {
    return this.frames(buffered) <= waitingFramesMax && this.bytes(buffered) <= bytesMax;
  }

  /** How many frames wait. */
  frames(buffered: number): number {
    return this.#log.end - (this.#place ?? this.#log.end) + countWithin(this.#inside, buffered);
  }

  /** How many bytes wait, of payload where they are parked. */
  bytes(buffered: number): number {
    return this.#log.bytesFrom(this.#place ?? this.#log.end) - this.#begun + buffered;
  }

  /** Once uWebSockets holds nothing: what one write may hand over; empty when nothing is parked any more. */
  next(): Chunk {
    if (this.#place === undefined) return [];
    const frames = this.#log.read(this.#place, this.#begun > 0 ? 1 : corkFrames);
    return frames.slice(0, chunkEnd(frames, 0));
  }

  /** So many of the first frames are handed over. */
  handedOver(frames: number): void {
    if (this.#place === undefined) return;
    this.#log.move(this.#place, this.#place + frames);
    this.#place += frames;
    this.#begun = 0;
    this.hold([], 0);
  }

  /** Drops what is parked. What is copied stays until the socket is gone. Idempotent. */
  drop(): void {
    if (this.#place === undefined) return;
    this.#log.leave(this.#place);
    this.#place = undefined;
    this.#begun = 0;
    this.#copies.leaving += this.#copied;
  }

  /** Drops everything, what is copied included: it is no longer this socket's to count. Idempotent. */
  clear(): void {
    this.drop();
    this.#copies.leaving -= this.#copied;
    this.hold([], 0);
  }
}
