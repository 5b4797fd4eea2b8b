/**
 * Counts the waiting frames of all blocked consumers of a node, and decides who is closed first when they are too many.
 */

import type { BufferedBytes } from "./buffered-bytes.js";
import type { Consumer } from "./consumer.js";

export class Waiting {
  /** Bytes of frames that the streams keep for their blocked consumers, each frame once however many wait for it. */
  frameBytes = 0;
  /**
   * The blocked consumers. A consumer that is being closed is not in the list, because no frames wait for it any more.
   */
  readonly blocked = new Set<Consumer>();
  /** Of the fan-outs that have had a consumer. */
  readonly #buffered: BufferedBytes[] = [];
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What the connections of this fan-out hold is part of what waits. Idempotent. */
  include(buffered: BufferedBytes): void {
    if (!this.#buffered.includes(buffered)) this.#buffered.push(buffered);
  }

  get tooMuch(): boolean {
    let bytes = this.frameBytes;
    for (const buffered of this.#buffered) bytes += buffered.bytes - buffered.leaving;
    return bytes > this.#bytesMax;
  }

  largestFirst(): Consumer[] {
    const sizes = [...this.blocked].map((consumer) => ({ consumer, bytes: consumer.waitingBytes }));
    return sizes.sort((a, b) => b.bytes - a.bytes).map(({ consumer }) => consumer);
  }
}
