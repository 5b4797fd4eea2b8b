/** Builds plain frames: the JSON text of an event with the data of its instance. */

import { type EventType, eventTypes } from "../../domain/event-type.js";
import type { Instance } from "../../domain/instance.js";
import type { EventFormatOptions, Frame } from "./frame.js";
import { type FrameContent, spliceFrame } from "./splice.js";

export interface PlainFormatOptions extends EventFormatOptions {
  /** Whether the frames have the token of their instance. Otherwise the token in the frames is empty. */
  readonly frameTokens: boolean;
}

/** Like `FrameFormat`. A plain frame needs only the `FrameContent` of an event. */
export interface PlainFormat {
  builderFor(instance: Instance): PlainFrameBuilder;
}

export type PlainFrameBuilder = (event: FrameContent, media: boolean) => Frame;

export function createPlainFormat({ baseUrl, mediaMaxBytes, frameTokens }: PlainFormatOptions): PlainFormat {
  return {
    builderFor(instance) {
      const tail = frameTail(instance, baseUrl, frameTokens);
      return (event, media) => spliceFrame(heads[event.type], event, tail, media, mediaMaxBytes);
    },
  };
}

const heads = Object.fromEntries(eventTypes.map((type) => [type, Buffer.from(`{"event":"${type}","data":`)])) as Record<
  EventType,
  Buffer
>;

/** Returns the JSON text that follows `data` in every frame of an instance. */
function frameTail(instance: Instance, baseUrl: string, frameTokens: boolean): Buffer {
  const instanceData = { baseUrl, instance: instance.name, token: frameTokens ? instance.token : "" };
  return Buffer.from(`,"instanceData":${JSON.stringify(instanceData)}}`);
}
