/**
 * Reads the fields of a BusEvent without the Protobuf library, which would take longer than all other work on a
 * received event. Only the slot, which is rare, is left to the library.
 */

import { fromBinary } from "@bufbuild/protobuf";
import { BusEvent_MediaSlotSchema } from "../../gen/eventwire/bus/v1/bus_event_pb.js";
import { Fields, lengthDelimited, varint } from "../wire/fields.js";
import { createNameCache, type NameCache } from "../wire/name-cache.js";
import type { MediaSlot } from "./bus.js";

/** The fields of a BusEvent. A field that the message lacks is empty, 0 or undefined here. */
export interface EventFields {
  origin: string;
  sequence: number;
  event: string;
  /** The data of the event. `data`, `media` and `id` are views of the message's bytes, not copies. */
  data: Uint8Array;
  slot: MediaSlot | undefined;
  media: Uint8Array | undefined;
  series: number;
  id: Uint8Array;
  time: number;
  occurredAt: number | undefined;
  instance: string;
}

/** Most fields that a BusEvent may have. This release sends eleven at most, and a later release may send more. */
const fieldsMax = 100;
const nothing = new Uint8Array(0);
/** Keeps the names of nodes and event types as strings, so that a name that repeats is decoded once. */
const names = createNameCache(256);
/** Keeps the ids of instances as strings in the same way. */
const instances = createNameCache(1024);

/**
 * Reads a BusEvent. Skips fields that this release does not know. Throws for bytes that are no Protobuf message, for
 * more than 100 fields, and for a name that is no UTF-8.
 */
export function readEventFields(message: Uint8Array): EventFields {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
  const fields = new Fields(bytes, 0, bytes.length, fieldsMax);
  const read: EventFields = {
    origin: "",
    sequence: 0,
    event: "",
    data: nothing,
    slot: undefined,
    media: undefined,
    series: 0,
    id: nothing,
    time: 0,
    occurredAt: undefined,
    instance: "",
  };
  while (fields.next()) {
    if (fields.type === lengthDelimited) readBytes(read, fields, bytes);
    else if (fields.type === varint) readNumber(read, fields);
  }
  return read;
}

function readBytes(read: EventFields, { number, start, end }: Fields, bytes: Buffer): void {
  if (number === 1) read.origin = readName(names, bytes, start, end);
  else if (number === 3) read.event = readName(names, bytes, start, end);
  else if (number === 4) read.data = bytes.subarray(start, end);
  else if (number === 5) read.slot = fromBinary(BusEvent_MediaSlotSchema, bytes.subarray(start, end));
  else if (number === 6) read.media = bytes.subarray(start, end);
  else if (number === 8) read.id = bytes.subarray(start, end);
  else if (number === 11) read.instance = readName(instances, bytes, start, end);
}

function readNumber(read: EventFields, fields: Fields): void {
  if (fields.number === 2) read.sequence = fields.value();
  else if (fields.number === 7) read.series = fields.value();
  else if (fields.number === 9) read.time = fields.value();
  else if (fields.number === 10) read.occurredAt = fields.value();
}

function readName(known: NameCache, bytes: Buffer, start: number, end: number): string {
  const name = known.read(bytes, start, end);
  if (name === undefined) throw new Error("a name is no UTF-8");
  return name;
}
