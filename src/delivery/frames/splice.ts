/**
 * Builds a frame from a head, the data of an event, and a tail. The data is copied as bytes and never parsed again; only
 * its media may be taken out or put in.
 */

import type { Event } from "../../bus/bus.js";
import type { Frame } from "./frame.js";
import { editMedia } from "./media.js";
import { join } from "./parts.js";

/** The fields of an event that a plain frame needs. Frames of other formats also need the id, the times and the position. */
export type FrameContent = Pick<Event, "type" | "data" | "slot" | "media">;

/** Returns a new frame. `head` stands before the data, and `tail` after the data. */
export function spliceFrame(
  head: Uint8Array,
  event: FrameContent,
  tail: Uint8Array,
  mediaBase64: boolean,
  mediaMaxBytes: number,
): Frame {
  const { slot, media, data } = event;
  if (slot === undefined) return join([head, data, tail]);
  const rawWanted = mediaBase64 && media !== undefined && media.length <= mediaMaxBytes;
  const inlineWanted = mediaBase64 && media === undefined && slot.inlineBytes <= mediaMaxBytes;
  if (inlineWanted) return join([head, data, tail]);
  return join([head, ...editMedia(data, slot, rawWanted ? media : undefined), tail]);
}
