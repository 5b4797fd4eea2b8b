/**
 * Counts the bytes that wait for all blocked consumers of a node. When they are too many, it says which consumers to
 * close first.
 */

import type { BufferedBytes } from "./buffered-bytes.js";
import type { Consumer } from "./consumer.js";

export class Waiting {
  /**
   * Bytes of the frames that the streams keep for blocked consumers. A frame counts once, however many consumers wait
   * for it.
   */
  frameBytes = 0;
  /**
   * The blocked consumers. A consumer that is being closed is not in the set, because no frame waits for it any more.
   */
  readonly blocked = new Set<Consumer>();
  /** The counts of buffered bytes, one for each fan-out that has had a consumer. */
  readonly #buffered: BufferedBytes[] = [];
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Makes the bytes that the connections of a fan-out hold count as waiting bytes. A second call does nothing. */
  include(buffered: BufferedBytes): void {
    if (!this.#buffered.includes(buffered)) this.#buffered.push(buffered);
  }

  /**
   * Whether more bytes wait for the blocked consumers than the node allows. Bytes for consumers that are being closed
   * do not count.
   */
  get tooMuch(): boolean {
    let bytes = this.frameBytes;
    for (const buffered of this.#buffered) bytes += buffered.bytes - buffered.leaving;
    return bytes > this.#bytesMax;
  }

  /** Returns the blocked consumers, first the consumer for which the most bytes wait. */
  largestFirst(): Consumer[] {
    const sizes = [...this.blocked].map((consumer) => ({ consumer, bytes: consumer.waitingBytes }));
    return sizes.sort((a, b) => b.bytes - a.bytes).map(({ consumer }) => consumer);
  }
}
