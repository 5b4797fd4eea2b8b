/** Encodes an event as a SubscribeResponse in proto3 JSON, in which bytes are base64. For callers whose messages are JSON. */

import { type EventContent, eventContent } from "../../delivery/frames/event-content.js";
import type { EventFormatOptions, Frame, FrameBuilder } from "../../delivery/frames/frame.js";
import type { Instance } from "../../domain/instance.js";
import { frame } from "../../rpc/protocols/grpc-frames.js";

/** The frames have the prefix of a message. */
export function eventJsonMessageBuilder({ name }: Instance, options: EventFormatOptions): FrameBuilder {
  const tail = `,"instanceData":${JSON.stringify({ baseUrl: options.baseUrl, instance: name })}}}`;
  return (event, media, position) => buildFrame(eventContent(event, media, position, options), tail);
}

function buildFrame({ type, id, time, position, occurredAt, data, media }: EventContent, tail: string): Frame {
  const dataJson = Buffer.concat(data).toString("base64");
  let text = `{"event":{"event":"${type}","id":"${id}","time":"${time}"`;
  if (position !== undefined) text += `,"position":"${position}"`;
  if (occurredAt !== undefined) text += `,"occurredAt":"${occurredAt}"`;
  text += `,"dataJson":"${dataJson}"`;
  if (media !== undefined) text += `,"media":"${base64(media)}"`;
  return frame(Buffer.from(text + tail));
}

function base64({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("base64");
}
