/** An event as bytes between nodes. */

import { create, toBinary } from "@bufbuild/protobuf";
import { BusEvent_MediaSlotSchema } from "../../gen/eventwire/bus/v1/bus_event_pb.js";
import { idBytes, idOfName } from "../domain/event-id.js";
import { isEventType } from "../domain/event-type.js";
import { writeVarint } from "../wire/varint.js";
import type { Event, MediaSlot } from "./bus.js";
import { type EventFields, readEventFields } from "./event-fields.js";

export interface Numbered<E = Event> {
  readonly event: E;
  /** The node that accepted the event. */
  readonly origin: string;
  /** The number of the series. The node starts a new series each time that it counts the instance anew. */
  readonly series: number;
  /** The number of the event within the series of that node and instance, from 1. */
  readonly sequence: number;
}

type Stamp = Pick<Event, "id" | "time">;

/** All fields but data, media and cuts: an origin of 36 bytes, a type, an id, numbers, tags and lengths. */
const otherBytesMax = 160;
const cutBytesMax = 16;

/** The largest size that `encodeEvent` can produce, without encoding. */
export function encodedBytesMax({ data, media, slot }: Event): number {
  return otherBytesMax + data.length + (media?.length ?? 0) + (slot?.cuts.length ?? 0) * cutBytesMax;
}

/** Tags of the fields of a BusEvent: field number and wire type in one byte. */
const originTag = 0x0a;
const sequenceTag = 0x10;
const eventTag = 0x1a;
const dataTag = 0x22;
const slotTag = 0x2a;
const mediaTag = 0x32;
const seriesTag = 0x38;
const idTag = 0x42;
const timeTag = 0x48;

/** Encodes by hand, except for the rare slot. The library's reflection takes 3 µs, half of the cost of a sent event. */
export function encodeEvent({ event, origin, series, sequence }: Numbered): Uint8Array {
  const { id, time, type, data, slot, media } = event;
  const bytes = Buffer.allocUnsafe(encodedBytesMax(event));
  let at = writeText(bytes, 0, originTag, origin);
  at = writeVarint(bytes, writeVarint(bytes, at, sequenceTag), sequence);
  at = writeText(bytes, at, eventTag, type);
  at = writeBytes(bytes, at, dataTag, data);
  if (slot !== undefined) at = writeBytes(bytes, at, slotTag, encodeSlot(slot));
  if (media !== undefined) at = writeBytes(bytes, at, mediaTag, media);
  at = writeVarint(bytes, writeVarint(bytes, at, seriesTag), series);
  at = writeBytes(bytes, at, idTag, id);
  at = writeVarint(bytes, writeVarint(bytes, at, timeTag), time);
  return bytes.subarray(0, at);
}

/**
 * Throws for bytes that no node sends. There is no event where a later release sent a type that this one does not know: its
 * number counts all the same. The data is a view of `bytes`.
 */
export function decodeEvent(instanceId: string, bytes: Uint8Array): Numbered<Event | undefined> {
  const message = readEventFields(bytes);
  const { origin, series, sequence, event: type, data, slot, media } = message;
  if (type === "") throw new Error("it has no event type");
  if (!isEventType(type)) return { event: undefined, origin, series, sequence };
  const { id, time } = message.id.length === 0 ? stampOfOlderNode(message, instanceId) : readStamp(message);
  return { event: { id, time, instanceId, type, data, slot, media }, origin, series, sequence };
}

function readStamp({ id, time }: EventFields): Stamp {
  if (id.length !== idBytes) throw new Error(`its id has ${id.length} bytes`);
  return { id, time };
}

/**
 * Release 0.1.0 gives events no id. Every node that receives such an event makes the same id of what names it on the bus, and
 * takes the time of its arrival.
 */
function stampOfOlderNode({ origin, series, sequence }: EventFields, instanceId: string): Stamp {
  return { id: idOfName(`${instanceId} ${origin} ${series} ${sequence}`), time: Date.now() };
}

function encodeSlot(slot: MediaSlot): Uint8Array {
  return toBinary(BusEvent_MediaSlotSchema, create(BusEvent_MediaSlotSchema, { ...slot, cuts: [...slot.cuts] }));
}

/** This function and the next return the offset of the next byte. */
function writeBytes(bytes: Buffer, at: number, tag: number, value: Uint8Array): number {
  const start = writeVarint(bytes, writeVarint(bytes, at, tag), value.length);
  bytes.set(value, start);
  return start + value.length;
}

/** Writes ASCII only: the names of types and nodes. */
function writeText(bytes: Buffer, at: number, tag: number, text: string): number {
  const start = writeVarint(bytes, writeVarint(bytes, at, tag), text.length);
  return start + bytes.write(text, start, "latin1");
}
