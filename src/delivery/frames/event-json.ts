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
      return (event, media, position) => spliceFrame(stampHead(event, position), event, tail, media, mediaMaxBytes);
    },
    controlFrame: (control) => Buffer.from(JSON.stringify(control)),
  };
}

/**
 * The text before `data`. All events of a type share one head: what differs between events is written over that of the
 * event before.
 */
interface Head {
  /** The head up to the time, and then room for the members that only some events have. */
  readonly bytes: Buffer;
  /** The offsets of the id and the time. */
  readonly idAt: number;
  readonly timeAt: number;
  /** The offset after the time, where further members begin. */
  readonly moreAt: number;
}

const noId = "-".repeat(36);
const noTime = "-".repeat(24);
const beforeData = ',"data":';
/** More than the bytes of `position`, of `occurredAt` and of `beforeData` together. */
const roomBytes = 160;

const heads = Object.fromEntries(eventTypes.map((type) => [type, createHead(type)])) as Record<EventType, Head>;

function createHead(type: EventType): Head {
  const beforeId = `{"event":"${type}","id":"`;
  const beforeTime = `${beforeId}${noId}","time":"`;
  const stamped = `${beforeTime}${noTime}"`;
  const bytes = Buffer.from(stamped.padEnd(stamped.length + roomBytes));
  return { bytes, idAt: beforeId.length, timeAt: beforeTime.length, moreAt: stamped.length };
}

/** Returns the head of an event. The bytes change with the next event of the type, so the caller must copy them. */
function stampHead({ type, id, time, occurredAt }: Event, position: string | undefined): Buffer {
  const { bytes, idAt, timeAt, moreAt } = heads[type];
  writeIdText(bytes, idAt, id);
  bytes.write(lastTimeText(time), timeAt, "latin1");
  let more = beforeData;
  if (occurredAt !== undefined) more = `,"occurredAt":"${timeText(occurredAt)}"${more}`;
  if (position !== undefined) more = `,"position":"${position}"${more}`;
  return bytes.subarray(0, moreAt + bytes.write(more, moreAt, "latin1"));
}

/** Returns the text after `data`, which all frames of an instance share. No frame of `eventwire.v1` carries a token. */
function frameTail({ name }: Instance, baseUrl: string): Buffer {
  return Buffer.from(`,"instanceData":${JSON.stringify({ baseUrl, instance: name })}}`);
}
