/**
 * A frame is one message to a consumer as bytes: an event, or a control frame, which tells about the connection. A frame format
 * builds frames.
 */

import type { ControlFrame } from "../../../gen/frames.js";
import type { Event } from "../../bus/bus.js";
import type { Instance } from "../../domain/instance.js";

export type Frame = Buffer;

/**
 * Says how events become frames. Each kind of frame has exactly one format object, so two views with the same object
 * have the same kind of frame.
 */
export interface FrameFormat {
  /**
   * Makes the builder for the frames of an instance. Delivery calls `builderFor` again when the instance changes. The
   * builder prepares the bytes that all frames of the instance share.
   */
  builderFor(instance: Instance): FrameBuilder;
  /** Builds a control frame. Absent in the format of the plain protocol, whose consumers get no control frames. */
  readonly controlFrame?: (control: ControlFrame) => Frame;
}

/**
 * Builds the frame of an event, once for all consumers of a stream. `media` says whether the event's media goes into
 * the frame. `position` is the place of the event in the history; the frame has none when it is undefined.
 */
export type FrameBuilder = (event: Event, media: boolean, position?: string) => Frame;

/**
 * Returns the frame in memory of its own, so that it can wait for long. A frame in Node.js's buffer pool would keep 8
 * KiB of other data alive.
 */
export function lasting(frame: Frame): Frame {
  if (frame.buffer.byteLength === frame.length) return frame;
  const copy = Buffer.allocUnsafeSlow(frame.length);
  copy.set(frame);
  return copy;
}

/** What every format of events needs to know of the gateway. */
export interface EventFormatOptions {
  /** The public URL of the gateway. Every frame contains it. */
  readonly baseUrl: string;
  /** The largest media in a frame, in bytes before base64. An event with larger media gets a frame without media. */
  readonly mediaMaxBytes: number;
}
