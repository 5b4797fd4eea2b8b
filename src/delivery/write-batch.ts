/** Write batches: how the frames of a turn are cut into writes, and which of a batch's frames still wait after one. */

import type { FanOut } from "./fan-out.js";
import type { Frame } from "./frames/frame.js";

/** The frames that one write hands over. */
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
 * Most bytes that each consumer gets in one pass. More would not stay in the processor's cache until every consumer has
 * got them.
 */
const passBytes = 300_000;

/**
 * Cuts batches into passes over the consumers. In a pass one consumer gets all batches of the pass before the next
 * consumer does: at least one batch, and all that fit into 300 kB. A further write is cheaper while the kernel's memory
 * of the consumer is in the cache.
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

/** Of a batch whose last `buffered` bytes are not taken yet: the sizes of the frames that they belong to. */
export function sizesWithin(batch: WriteBatch, buffered: number, fanOut: Pick<FanOut<unknown>, "wireBytes">): number[] {
  const sizes = batch.map((frame) => fanOut.wireBytes(frame));
  return sizes.slice(sizes.length - countWithin(sizes, buffered));
}

/** How many frames of these sizes are not yet wholly taken, when their last `buffered` bytes still wait. */
export function countWithin(sizes: readonly number[], buffered: number): number {
  let count = 0;
  for (let bytes = 0; bytes < buffered && count < sizes.length; count++) {
    bytes += sizes[sizes.length - 1 - count] as number;
  }
  return count;
}
