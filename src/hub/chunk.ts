/** What one write hands to a socket: as many frames of a turn as fit into uWebSockets' 16 KiB cork buffer. */

import type { Frame } from "./frame.js";

/** With more, uWebSockets would split the write anyway; a larger frame travels alone, uncorked. */
const corkBytes = 16_000;
/** Bounds what a blocked socket can hold outside its backlog. */
const corkFrames = 32;

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

/** A native broadcast pays from here on; with fewer frames a cork per socket costs the same and knows more. */
const broadcastFramesMin = 3;
/** Bounds what a socket may come to hold before its backlog is seen. */
const broadcastFramesMax = 64;
const broadcastBytesMax = 64_000;

/**
 * Where the part of a turn begins that is worth a native broadcast: its end, of at most 64 frames and 64 kB, none of
 * them so large that uWebSockets would write it alone. `frames.length` when none is.
 */
export function broadcastStart(frames: readonly Frame[]): number {
  let bytes = 0;
  let from = frames.length;
  while (from > 0 && frames.length - from < broadcastFramesMax) {
    const frame = wireBytes(frames[from - 1] as Frame);
    bytes += frame;
    if (frame > corkBytes || bytes > broadcastBytesMax) break;
    from--;
  }
  return frames.length - from < broadcastFramesMin ? frames.length : from;
}

/** How many frames of a chunk are not yet wholly taken by the kernel, when its last `buffered` bytes still wait. */
export function framesWithin(chunk: Chunk, buffered: number): number {
  let count = 0;
  for (let bytes = 0; bytes < buffered && count < chunk.length; count++) {
    bytes += wireBytes(chunk[chunk.length - 1 - count] as Frame);
  }
  return count;
}
