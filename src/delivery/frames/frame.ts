/** A frame: what an event is for the consumers of a stream, as bytes; and the port of those who build it. */

import type { Event } from "../../bus/bus.js";
import type { Instance } from "../../domain/instance.js";

export type Frame = Buffer;

/** How events become frames. One object for each kind of frame: views are compared by it. */
export interface FrameFormat {
  /** For an instance as it is now; called anew when the instance changes. What all its frames share is made here. */
  builderFor(instance: Instance): FrameBuilder;
}

/** Builds the frame of an event, once for all consumers of a stream. `media`: whether the event's media goes into it. */
export type FrameBuilder = (event: Event, media: boolean) => Frame;

/**
 * Copies a frame that may wait for long into memory of its own. In Node's pool it would keep 8 KiB of other data alive.
 */
export function lasting(frame: Frame): Frame {
  if (frame.buffer.byteLength === frame.length) return frame;
  const copy = Buffer.allocUnsafeSlow(frame.length);
  copy.set(frame);
  return copy;
}
