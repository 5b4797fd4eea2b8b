/** Makes an event ready to be kept: its bytes lie in memory of their own, so that it keeps no larger buffer alive. */

import type { Event } from "../bus/bus.js";

/**
 * How much memory a kept event takes at most besides its bytes: its objects, its position, and its places in the lists of the
 * history.
 */
const objectBytes = 1024;

export interface HeldEvent {
  readonly event: Event;
  /** How much memory the event takes in all. */
  readonly bytes: number;
}

export function holdEvent(event: Event): HeldEvent {
  const data = ownBytes(event.data);
  const media = event.media && ownBytes(event.media);
  const { id, time, occurredAt, origin, accountId, instanceId, type, slot } = event;
  return {
    event: { id, time, occurredAt, origin, accountId, instanceId, type, data, slot, media },
    bytes: objectBytes + data.length + (media?.length ?? 0),
  };
}

/** Returns the bytes in a buffer that holds nothing else. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength === bytes.length ? bytes : new Uint8Array(bytes);
}
