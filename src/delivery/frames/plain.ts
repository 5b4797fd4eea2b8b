/** Builds plain frames: the JSON text of an event with the data of its instance. */

import { type EventType, eventTypes } from "../../domain/event-type.js";
import type { Instance } from "../../domain/instance.js";
import type { EventFormatOptions, FrameFormat } from "./frame.js";
import { spliceFrame } from "./splice.js";

export function createPlainFormat({ baseUrl, mediaMaxBytes }: EventFormatOptions): FrameFormat {
  return {
    builderFor(instance) {
      const tail = frameTail(instance, baseUrl);
      return (event, media) => spliceFrame(heads[event.type], event, tail, media, mediaMaxBytes);
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
