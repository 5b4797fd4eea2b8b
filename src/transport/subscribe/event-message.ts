/**
 * Encodes an event as a SubscribeResponse in Protobuf's binary form, by hand: the library's reflection would cost more than
 * everything else that a stream does for an event.
 */

import { type EventContent, eventContent } from "../../delivery/frames/event-content.js";
import type { EventFormatOptions, Frame, FrameBuilder } from "../../delivery/frames/frame.js";
import { type EventType, eventTypes } from "../../domain/event-type.js";
import type { Instance } from "../../domain/instance.js";
import { frameHead, headBytes } from "../../rpc/protocols/grpc-frames.js";
import { varintBytes, writeVarint } from "../../wire/varint.js";

/** Tags: field number and wire type in one byte. */
const eventTag = 0x0a;
const typeTag = 0x0a;
const idTag = 0x12;
const timeTag = 0x1a;
const positionTag = 0x22;
const occurredAtTag = 0x2a;
const dataJsonTag = 0x3a;
const mediaTag = 0x42;
const instanceDataTag = 0x4a;
const baseUrlTag = 0x0a;
const instanceTag = 0x12;

const idTextBytes = 36;
const timeTextBytes = 24;
/** Two tags with lengths of one byte, and both texts. */
const stampBytes = 2 + idTextBytes + 2 + timeTextBytes;

const types = Object.fromEntries(eventTypes.map((type) => [type, field(typeTag, Buffer.from(type))])) as Record<
  EventType,
  Buffer
>;

/** The frames have the prefix of a message, so that they stand in a stream of gRPC, Connect or gRPC-Web as they are. */
export function eventMessageBuilder(instance: Instance, options: EventFormatOptions): FrameBuilder {
  const instanceData = field(
    instanceDataTag,
    Buffer.concat([field(baseUrlTag, Buffer.from(options.baseUrl)), field(instanceTag, Buffer.from(instance.name))]),
  );
  return (event, media, position) => buildFrame(eventContent(event, media, position, options), instanceData);
}

function buildFrame(content: EventContent, instanceData: Buffer): Frame {
  const { type, id, time, position, occurredAt, data, dataBytes, media } = content;
  const positionBytes = position === undefined ? 0 : fieldBytes(position.length);
  const occurredBytes = occurredAt === undefined ? 0 : fieldBytes(timeTextBytes);
  const mediaBytes = media === undefined ? 0 : fieldBytes(media.length);
  const bodyBytes =
    types[type].length +
    stampBytes +
    positionBytes +
    occurredBytes +
    fieldBytes(dataBytes) +
    mediaBytes +
    instanceData.length;
  const messageBytes = fieldBytes(bodyBytes);
  const frame = Buffer.allocUnsafe(headBytes + messageBytes);
  frameHead(frame, 0, messageBytes);
  let at = writeHead(frame, headBytes, eventTag, bodyBytes);
  frame.set(types[type], at);
  at += types[type].length;
  at = writeText(frame, at, idTag, id);
  at = writeText(frame, at, timeTag, time);
  if (position !== undefined) at = writeText(frame, at, positionTag, position);
  if (occurredAt !== undefined) at = writeText(frame, at, occurredAtTag, occurredAt);
  at = writeHead(frame, at, dataJsonTag, dataBytes);
  for (const part of data) {
    frame.set(part, at);
    at += part.length;
  }
  if (media !== undefined) {
    at = writeHead(frame, at, mediaTag, media.length);
    frame.set(media, at);
    at += media.length;
  }
  frame.set(instanceData, at);
  return frame;
}

/** Size of a field with a value of `bytes`, whose tag is one byte. */
function fieldBytes(bytes: number): number {
  return 1 + varintBytes(bytes) + bytes;
}

function field(tag: number, value: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(fieldBytes(value.length));
  bytes.set(value, writeHead(bytes, 0, tag, value.length));
  return bytes;
}

/** Returns the offset after tag and length, where the value begins. */
function writeHead(bytes: Buffer, at: number, tag: number, length: number): number {
  bytes[at] = tag;
  return writeVarint(bytes, at + 1, length);
}

/** Writes ASCII of fewer than 128 characters. Returns the offset after it. */
function writeText(bytes: Buffer, at: number, tag: number, text: string): number {
  bytes[at] = tag;
  bytes[at + 1] = text.length;
  return at + 2 + bytes.write(text, at + 2, "latin1");
}
