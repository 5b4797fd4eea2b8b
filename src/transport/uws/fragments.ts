/** Sends a frame as one WebSocket message in fragments (RFC 6455, 5.4), until the kernel refuses. */

import { allTaken } from "../../delivery/fan-out.js";
import type { Frame } from "../../delivery/frames/frame.js";
import type { UwsSocket } from "./socket.js";

/**
 * Bytes of payload. The kernel takes a small write whole or not at all, so about one fragment is left for uWebSockets to
 * copy; each costs a write, for healthy readers as well.
 */
export const fragmentBytes = 4 * 1024;

/**
 * Sends what comes after `from` in fragments of `size` bytes; a whole frame must be longer than that. Answers how much of the
 * frame is not handed over when the kernel refuses: the last that was waits in uWebSockets, and `drain` will come.
 */
export function sendFragments(socket: UwsSocket, frame: Frame, from: number, size: number): number {
  let to = from;
  while (to < frame.length) {
    const at = to;
    to = Math.min(at + size, frame.length);
    if (sendFragment(socket, frame, at, to) === 0) return frame.length - to;
  }
  return allTaken;
}

function sendFragment(socket: UwsSocket, frame: Frame, from: number, to: number): number {
  const fragment = frame.subarray(from, to);
  if (from === 0) return socket.sendFirstFragment(fragment, false);
  return to === frame.length ? socket.sendLastFragment(fragment) : socket.sendFragment(fragment);
}
