/** Sends a frame as one WebSocket message in fragments (RFC 6455, section 5.4), until the kernel refuses bytes. */

import { allTaken } from "../../delivery/fan-out.js";
import type { Frame } from "../../delivery/frames/frame.js";
import type { UwsSocket } from "./socket.js";

/**
 * Payload bytes of one fragment. The kernel takes such a small write whole or not at all, so about one fragment is left
 * for uWebSockets to copy. Each fragment costs a write, also for a reader that reads fast.
 */
export const fragmentBytes = 4 * 1024;

/**
 * Sends the bytes of a frame from the index `from` on, in fragments of `size` bytes. When `from` is 0, the frame must
 * be longer than `size`. Returns `allTaken`, or how many bytes of the frame uWebSockets was not given, because the
 * kernel refused earlier bytes. In that case the last fragment waits in uWebSockets, and `drain` will be called.
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
