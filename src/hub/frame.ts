/** Turns an event into the text of its frame. `data` is spliced in as bytes; nothing is parsed or serialised again. */

import type { ByteRange, Event, MediaSlot } from "../bus/bus.js";
import { type EventType, eventTypes } from "../domain/event-type.js";
import type { Instance } from "../domain/instance.js";

export type Frame = Buffer;

const heads = Object.fromEntries(eventTypes.map((type) => [type, Buffer.from(`{"event":"${type}","data":`)])) as Record<
  EventType,
  Buffer
>;

/** What follows `data` in every frame of an instance. */
export function frameTail(instance: Instance, baseUrl: string): Buffer {
  const instanceData = { baseUrl, instance: instance.name, token: instance.token };
  return Buffer.from(`,"instanceData":${JSON.stringify(instanceData)}}`);
}

/** Media above `mediaMaxBytes` once decoded is left out; the frame is built all the same. */
export function buildFrame(event: Event, tail: Buffer, mediaBase64: boolean, mediaMaxBytes: number): Frame {
  const { slot, media } = event;
  if (slot === undefined) return join([heads[event.type], event.data, tail]);
  const rawWanted = mediaBase64 && media !== undefined && media.length <= mediaMaxBytes;
  const inlineWanted = mediaBase64 && media === undefined && slot.inlineBytes <= mediaMaxBytes;
  if (inlineWanted) return join([heads[event.type], event.data, tail]);
  return join([heads[event.type], ...edited(event.data, slot, rawWanted ? media : undefined), tail]);
}

interface Edit extends ByteRange {
  /** Stands where the range was cut out. */
  readonly text?: Buffer;
}

/** The data without its inline base64, and with the raw media where it belongs. */
function edited(data: Uint8Array, slot: MediaSlot, media: Uint8Array | undefined): Uint8Array[] {
  let edits: readonly Edit[] = slot.cuts;
  if (media !== undefined) {
    const base64 = Buffer.from(media.buffer, media.byteOffset, media.length).toString("base64");
    const text = Buffer.from(`"base64":"${base64}"${slot.hasOthers ? "," : ""}`, "latin1");
    // The sort is stable: where a cut begins at the same place, the insertion goes first.
    edits = [{ start: slot.insertAt, end: slot.insertAt, text }, ...edits].sort((a, b) => a.start - b.start);
  }
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const { start, end, text } of edits) {
    parts.push(data.subarray(at, start));
    if (text !== undefined) parts.push(text);
    at = end;
  }
  parts.push(data.subarray(at));
  return parts;
}

/** Outside Node's pool: a frame that waits for one slow socket must not keep 8 KiB of strangers alive. */
function join(parts: readonly Uint8Array[]): Frame {
  let length = 0;
  for (const part of parts) length += part.length;
  const frame = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}
