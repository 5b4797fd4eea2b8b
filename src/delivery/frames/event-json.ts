/** Builds the frames of `eventwire.v1` for WebSockets: events with id and time, and control frames, as JSON text. */

import type { Event } from "../../bus/bus.js";
import { writeIdText } from "../../domain/event-id.js";
import { type EventType, eventTypes } from "../../domain/event-type.js";
import type { Instance } from "../../domain/instance.js";
import type { EventFormatOptions, FrameFormat } from "./frame.js";
import { spliceFrame } from "./splice.js";
import { lastTimeText, timeText } from "./time-text.js";

export function createEventJsonFormat({ baseUrl, mediaMaxBytes }: EventFormatOptions): FrameFormat {
  return {
    builderFor(instance) {
      const tail = frameTail(instance, baseUrl);
      return (event, media) => spliceFrame(stampHead(event), event, tail, media, mediaMaxBytes);
    },
    controlFrame: (control) => Buffer.from(JSON.stringify(control)),
  };
}

/**
 * The text before `data`. All events of a type share one head: the id and the time of an event are written over those of
 * the event before.
 */
interface Head {
  readonly bytes: Buffer;
  /** The offsets of the id and the time. */
  readonly idAt: number;
  readonly timeAt: number;
}

const noId = "-".repeat(36);
const noTime = "-".repeat(24);
const beforeData = ',"data":';

const heads = Object.fromEntries(eventTypes.map((type) => [type, createHead(type)])) as Record<EventType, Head>;

function createHead(type: EventType): Head {
  const beforeId = `{"event":"${type}","id":"`;
  const beforeTime = `${beforeId}${noId}","time":"`;
  const bytes = Buffer.from(`${beforeTime}${noTime}"${beforeData}`);
  return { bytes, idAt: beforeId.length, timeAt: beforeTime.length };
}

/** Returns the head of an event. The bytes change with the next event of the type, so the caller must copy them. */
function stampHead({ type, id, time, occurredAt }: Event): Buffer {
  const { bytes, idAt, timeAt } = heads[type];
  writeIdText(bytes, idAt, id);
  bytes.write(lastTimeText(time), timeAt, "latin1");
  return occurredAt === undefined ? bytes : withOccurredAt(bytes, occurredAt);
}

function withOccurredAt(head: Buffer, occurredAt: number): Buffer {
  const member = Buffer.from(`,"occurredAt":"${timeText(occurredAt)}"${beforeData}`);
  return Buffer.concat([head.subarray(0, -beforeData.length), member]);
}

/** Returns the text after `data`, which all frames of an instance share. No frame of `eventwire.v1` carries a token. */
function frameTail({ name }: Instance, baseUrl: string): Buffer {
  return Buffer.from(`,"instanceData":${JSON.stringify({ baseUrl, instance: name })}}`);
}
