/**
 * Builds plain frames: the JSON text of an event with the data of its instance. The event's `data` is copied as bytes
 * and never parsed again.
 */

import type { Event } from "../../bus/bus.js";
import { type EventType, eventTypes } from "../../domain/event-type.js";
import type { Instance } from "../../domain/instance.js";
import type { Frame, FrameFormat } from "./frame.js";
import { editMedia } from "./media.js";
import { join } from "./parts.js";

export interface PlainFormatOptions {
  /** The public URL of the gateway. Every frame contains it. */
  readonly baseUrl: string;
  /** The largest media in a frame, in bytes before base64. An event with larger media gets a frame without media. */
  readonly mediaMaxBytes: number;
}

export function createPlainFormat({ baseUrl, mediaMaxBytes }: PlainFormatOptions): FrameFormat {
  return {
    builderFor(instance) {
      const tail = frameTail(instance, baseUrl);
      return (event, media) => buildFrame(event, tail, media, mediaMaxBytes);
    },
  };
}

const heads = Object.fromEntries(eventTypes.map((type) => [type, Buffer.from(`{"event":"${type}","data":`)])) as Record<
  EventType,
  Buffer
>;

/** Returns the JSON text that follows `data` in every frame of an instance. */
function frameTail(instance: Instance, baseUrl: string): Buffer {
  const instanceData = { baseUrl, instance: instance.name, token: instance.token };
  return Buffer.from(`,"instanceData":${JSON.stringify(instanceData)}}`);
}

function buildFrame(event: Event, tail: Buffer, mediaBase64: boolean, mediaMaxBytes: number): Frame {
  const { slot, media } = event;
  if (slot === undefined) return join([heads[event.type], event.data, tail]);
  const rawWanted = mediaBase64 && media !== undefined && media.length <= mediaMaxBytes;
  const inlineWanted = mediaBase64 && media === undefined && slot.inlineBytes <= mediaMaxBytes;
  if (inlineWanted) return join([heads[event.type], event.data, tail]);
  return join([heads[event.type], ...editMedia(event.data, slot, rawWanted ? media : undefined), tail]);
}
