/** The fields of a BusEvent, read by hand: the library's reflection costs more than all else that a received event does. */

import { fromBinary } from "@bufbuild/protobuf";
import { BusEvent_MediaSlotSchema } from "../../gen/eventwire/bus/v1/bus_event_pb.js";
import { Fields, lengthDelimited, varint } from "../wire/fields.js";
import { createNameCache } from "../wire/name-cache.js";
import type { MediaSlot } from "./bus.js";

/** As the message has them; empty, 0 or undefined where it has none. */
export interface EventFields {
  origin: string;
  sequence: number;
  event: string;
  /** A view of the bytes that were read, as are `media` and `id`. */
  data: Uint8Array;
  slot: MediaSlot | undefined;
  media: Uint8Array | undefined;
  series: number;
  id: Uint8Array;
  time: number;
}

/** A later release may have more than these nine. */
const fieldsMax = 100;
const nothing = new Uint8Array(0);
/** Nodes and event types. */
const names = createNameCache(256);

/** Throws WireError for bytes that are no message, or one that no node sends. */
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
  };
  while (fields.next()) {
    if (fields.type === lengthDelimited) readBytes(read, fields, bytes);
    else if (fields.type === varint) readNumber(read, fields);
  }
  return read;
}

function readBytes(read: EventFields, { number, start, end }: Fields, bytes: Buffer): void {
  if (number === 1) read.origin = readName(bytes, start, end);
  else if (number === 3) read.event = readName(bytes, start, end);
  else if (number === 4) read.data = bytes.subarray(start, end);
  else if (number === 5) read.slot = fromBinary(BusEvent_MediaSlotSchema, bytes.subarray(start, end));
  else if (number === 6) read.media = bytes.subarray(start, end);
  else if (number === 8) read.id = bytes.subarray(start, end);
}

function readNumber(read: EventFields, fields: Fields): void {
  if (fields.number === 2) read.sequence = fields.value();
  else if (fields.number === 7) read.series = fields.value();
  else if (fields.number === 9) read.time = fields.value();
}

function readName(bytes: Buffer, start: number, end: number): string {
  const name = names.read(bytes, start, end);
  if (name === undefined) throw new Error("a name is no UTF-8");
  return name;
}
