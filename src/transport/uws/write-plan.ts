/** Decides how many frames go into one write or one broadcast of uWebSockets. */

import type { TurnPlan } from "../../delivery/fan-out.js";
import type { Frame } from "../../delivery/frames/frame.js";
import { corkBytesMax, corkFramesMax } from "./quirks.js";

/** Returns how many bytes a frame takes on the wire: the header and the payload of an unmasked WebSocket text frame. */
export function wireBytes(frame: Frame): number {
  const length = frame.length;
  return length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
}

/**
 * Returns the index after the last frame of the batch that begins at `from`. A batch has at least one frame, and as
 * many as fit into one cork.
 */
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

/**
 * Fewest frames that are worth a broadcast of uWebSockets. With fewer frames, one cork per socket costs the same and
 * says at once what the socket took.
 */
const broadcastFramesMin = 3;
/**
 * Most frames in one broadcast. The limit bounds how much a socket may hold before delivery sees that it is blocked.
 */
const broadcastFramesMax = 64;
/** Most bytes in one broadcast. The limit bounds how much a socket may hold before delivery sees that it is blocked. */
const broadcastBytesMax = 64_000;

/**
 * Plans which of the waiting frames leave in one turn of the event loop. The broadcast is the first run of three or
 * more frames, none of them large, at or after the index `atOnce`. It has at most 64 frames and 64 kB. Frames before
 * the run are written to each socket. When there is no such run, all frames are written. A large frame does not fit
 * into a cork, so uWebSockets would write it alone.
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
