/** How many frames one write or one broadcast of uWebSockets carries. */

import type { TurnPlan } from "../../delivery/fan-out.js";
import type { Frame } from "../../delivery/frames/frame.js";
import { corkBytesMax, corkFramesMax } from "./quirks.js";

/** Header and payload of an unmasked text frame. */
export function wireBytes(frame: Frame): number {
  const length = frame.length;
  return length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
}

/** Where the batch that begins at `from` ends: as many frames as fit into one cork. */
export function batchEnd(frames: readonly Frame[], from: number): number {
  let bytes = 0;
  let at = from;
  while (at < frames.length && at - from < corkFramesMax) {
    bytes += wireBytes(frames[at] as Frame);
    if (bytes > corkBytesMax && at > from) break;
    at++;
  }
  return at;
}

/** A native broadcast pays from here on; with fewer frames a cork per socket costs the same and knows more. */
const broadcastFramesMin = 3;
/** Bounds what a socket may come to hold before its backlog is seen. */
const broadcastFramesMax = 64;
const broadcastBytesMax = 64_000;

/**
 * Broadcasts the first frames at or after `atOnce` that are worth it: at most 64 of them and 64 kB, none so large that
 * uWebSockets would write it alone. Those before them are written, and all when none are worth it.
 */
export function planTurn(frames: readonly Frame[], atOnce: number): TurnPlan {
  let bytes = 0;
  let start = atOnce;
  let at = atOnce;
  for (; at < frames.length && at - start < broadcastFramesMax; at++) {
    const frame = wireBytes(frames[at] as Frame);
    const large = frame > corkBytesMax;
    if ((large || bytes + frame > broadcastBytesMax) && at - start >= broadcastFramesMin) break;
    bytes = large ? 0 : bytes + frame;
    if (large) start = at + 1;
  }
  return at - start < broadcastFramesMin
    ? { written: frames.length, broadcast: frames.length }
    : { written: start, broadcast: at };
}
