/** What a consumer of messages is told of an event, in whatever form of messages. */

import type { Event } from "../../bus/bus.js";
import { idText } from "../../domain/event-id.js";
import type { EventType } from "../../domain/event-type.js";
import type { EventFormatOptions } from "./frame.js";
import { editMedia } from "./media.js";
import { rawMedia } from "./raw-media.js";
import { lastTimeText, timeText } from "./time-text.js";

export interface EventContent {
  readonly type: EventType;
  /** The id, 36 characters. */
  readonly id: string;
  /** When the event was accepted: UTC with milliseconds, 24 characters. */
  readonly time: string;
  /** The place of the event in the history, at most 64 characters of ASCII. */
  readonly position: string | undefined;
  /** When the event happened, as its producer said, in the same form. */
  readonly occurredAt: string | undefined;
  /** The data in parts, without the inline base64 of its media. */
  readonly data: readonly Uint8Array[];
  /** Size of all parts together. */
  readonly dataBytes: number;
  /** Present when it is wanted and there is some. */
  readonly media: Uint8Array | undefined;
}

export function eventContent(
  event: Event,
  mediaWanted: boolean,
  position: string | undefined,
  { mediaMaxBytes }: EventFormatOptions,
): EventContent {
  const { type, data, slot } = event;
  const id = idText(event.id);
  const time = lastTimeText(event.time);
  const occurredAt = event.occurredAt === undefined ? undefined : timeText(event.occurredAt);
  const stamp = { type, id, time, position, occurredAt };
  if (slot === undefined) return { ...stamp, data: [data], dataBytes: data.length, media: undefined };
  const parts = editMedia(data, slot, undefined) as Uint8Array[];
  const dataBytes = parts.reduce((sum, { length }) => sum + length, 0);
  const media = mediaWanted ? rawMedia(event, mediaMaxBytes) : undefined;
  return { ...stamp, data: parts, dataBytes, media };
}
