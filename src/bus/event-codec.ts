/** An event as bytes between nodes. */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BusEventSchema } from "../../gen/eventwire/bus/v1/bus_event_pb.js";
import { isEventType } from "../domain/event-type.js";
import type { Event } from "./bus.js";

export interface Numbered {
  readonly event: Event;
  /** The node that accepted it. */
  readonly origin: string;
  /** Grows each time that the node begins to count the instance anew. */
  readonly series: number;
  /** Its number within the series of that node and instance, from 1. */
  readonly sequence: number;
}

/** All fields but data, media and cuts: an id of 36 bytes, a type, numbers, tags and lengths. */
const otherBytesMax = 160;
const cutBytesMax = 16;

/** What `encodeEvent` takes at most, told without encoding. */
export function encodedBytesMax({ data, media, slot }: Event): number {
  return otherBytesMax + data.length + (media?.length ?? 0) + (slot?.cuts.length ?? 0) * cutBytesMax;
}

export function encodeEvent({ event, origin, series, sequence }: Numbered): Uint8Array {
  const { type, data, slot, media } = event;
  const init = { origin, series: BigInt(series), sequence: BigInt(sequence), event: type, data };
  const message = create(BusEventSchema, {
    ...init,
    ...(slot && { slot: { ...slot, cuts: [...slot.cuts] } }),
    ...(media && { media }),
  });
  return toBinary(BusEventSchema, message);
}

/** Throws for what no node of ours sends. The data is a view of `bytes`. */
export function decodeEvent(instanceId: string, bytes: Uint8Array): Numbered {
  const { origin, series, sequence, event: type, data, slot, media } = fromBinary(BusEventSchema, bytes);
  if (!isEventType(type)) throw new Error(`there is no event type "${type}"`);
  const event = { instanceId, type, data, slot, media };
  return { event, origin, series: Number(series), sequence: Number(sequence) };
}
