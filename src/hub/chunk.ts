/** What one write hands to a socket: as many frames of a turn as fit into uWebSockets' 16 KiB cork buffer. */

import type { Frame } from "./frame.js";

/** With more, uWebSockets would split the write anyway; a larger frame travels alone, uncorked. */
const corkBytes = 16_000;
/** Bounds what a blocked socket can hold outside its backlog. */
export const corkFrames = 32;

export type Chunk = readonly Frame[];

/** Header and payload of an unmasked text frame. */
export function wireBytes(frame: Frame): number {
  const length = frame.length;
  return length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
}

/** Where the chunk that begins at `from` ends. */
export function chunkEnd(frames: readonly Frame[], from: number): number {
  let bytes = 0;
  let at = from;
  while (at < frames.length && at - from < corkFrames) {
    bytes += wireBytes(frames[at] as Frame);
    if (bytes > corkBytes && at > from) break;
    at++;
  }
  return at;
}

export function splitIntoChunks(frames: readonly Frame[]): Chunk[] {
  const chunks: Chunk[] = [];
  for (let from = 0; from < frames.length; ) {
    const to = chunkEnd(frames, from);
    chunks.push(frames.slice(from, to));
    from = to;
  }
  return chunks;
}

/** More would not stay in the processor's cache until every socket got it. */
const visitBytes = 300_000;

/**
 * What one socket gets before the next one does: a chunk at least, and all that fit into 300 kB. While its memory in the
 * kernel is at hand, a further write is cheaper.
 */
export function splitIntoVisits(frames: readonly Frame[]): Chunk[][] {
  const visits: Chunk[][] = [];
  let room = 0;
  for (const chunk of splitIntoChunks(frames)) {
    const bytes = chunk.reduce((sum, frame) => sum + frame.length, 0);
    if (bytes > room) {
      visits.push([]);
      room = visitBytes;
    }
    visits.at(-1)?.push(chunk);
    room -= bytes;
  }
  return visits;
}

/** A native broadcast pays from here on; with fewer frames a cork per socket costs the same and knows more. */
const broadcastFramesMin = 3;
/** Bounds what a socket may come to hold before its backlog is seen. */
const broadcastFramesMax = 64;
const broadcastBytesMax = 64_000;

export interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * The first frames at or behind `from` that are worth a native broadcast: at most 64 of them and 64 kB, none so large
 * that uWebSockets would write it alone. Empty, at the end, when none are.
 */
export function nextBroadcast(frames: readonly Frame[], from: number): Range {
  let bytes = 0;
  let start = from;
  let at = from;
  for (; at < frames.length && at - start < broadcastFramesMax; at++) {
    const frame = wireBytes(frames[at] as Frame);
    const large = frame > corkBytes;
    if ((large || bytes + frame > broadcastBytesMax) && at - start >= broadcastFramesMin) break;
    bytes = large ? 0 : bytes + frame;
    if (large) start = at + 1;
  }
  return at - start < broadcastFramesMin ? { from: frames.length, to: frames.length } : { from: start, to: at };
}

/** Of a chunk whose last `buffered` bytes are not taken by the kernel yet: the sizes of the frames that they belong to. */
export function sizesWithin(chunk: Chunk, buffered: number): number[] {
  const sizes = chunk.map(wireBytes);
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
