/**
 * Cuts the frames that consumers get in one turn of the event loop into write batches. After a write, says which frames
 * of the batch the connection has not wholly taken.
 */

import type { FanOut } from "./fan-out.js";
import type { Frame } from "./frames/frame.js";

/** The frames that one write hands to a connection. */
export type WriteBatch = readonly Frame[];

export function splitIntoBatches(frames: readonly Frame[], fanOut: Pick<FanOut<unknown>, "batchEnd">): WriteBatch[] {
  const batches: WriteBatch[] = [];
  for (let from = 0; from < frames.length; ) {
    const to = fanOut.batchEnd(frames, from);
    batches.push(frames.slice(from, to));
    from = to;
  }
  return batches;
}

/**
 * Most bytes that each consumer gets in one pass. More bytes would leave the processor's cache before the last consumer
 * has got them.
 */
const passBytes = 300_000;

/**
 * Cuts the frames of a turn into passes over the consumers. In a pass, a consumer gets all batches of the pass before
 * the next consumer gets any. A pass has at least one batch, and as many as fit into 300 kB. The second write to a
 * consumer is cheaper than the first, because the kernel's memory for this consumer is in the processor's cache.
 */
export function splitIntoPasses(frames: readonly Frame[], fanOut: Pick<FanOut<unknown>, "batchEnd">): WriteBatch[][] {
  const passes: WriteBatch[][] = [];
  let room = 0;
  for (const batch of splitIntoBatches(frames, fanOut)) {
    const bytes = batch.reduce((sum, frame) => sum + frame.length, 0);
    if (bytes > room) {
      passes.push([]);
      room = passBytes;
    }
    passes.at(-1)?.push(batch);
    room -= bytes;
  }
  return passes;
}

/**
 * Returns the sizes of those frames of a batch that the connection has not wholly taken. `buffered` is how many bytes
 * at the end of the batch the connection still holds.
 */
export function sizesWithin(batch: WriteBatch, buffered: number, fanOut: Pick<FanOut<unknown>, "wireBytes">): number[] {
  const sizes = batch.map((frame) => fanOut.wireBytes(frame));
  return sizes.slice(sizes.length - countWithin(sizes, buffered));
}

/**
 * Returns how many of the last frames the connection has not wholly taken. `sizes` are the sizes of the frames, and
 * `buffered` is how many bytes at their end the connection still holds.
 */
export function countWithin(sizes: readonly number[], buffered: number): number {
  let count = 0;
  for (let bytes = 0; bytes < buffered && count < sizes.length; count++) {
    bytes += sizes[sizes.length - 1 - count] as number;
  }
  return count;
}
