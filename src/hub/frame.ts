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

/** Text is ASCII: as many bytes as characters. */
type Part = Uint8Array | string;

interface Edit extends ByteRange {
  /** Stands where the range was cut out. */
  readonly parts?: readonly Part[];
}

/** The data without its inline base64, and with the raw media where it belongs. */
function edited(data: Uint8Array, slot: MediaSlot, media: Uint8Array | undefined): Part[] {
  let edits: readonly Edit[] = slot.cuts;
  if (media !== undefined) {
    const inline = [`"base64":"`, ...base64Of(media), slot.hasOthers ? `",` : `"`];
    // The sort is stable: where a cut begins at the same place, the insertion goes first.
    edits = [{ start: slot.insertAt, end: slot.insertAt, parts: inline }, ...edits].sort((a, b) => a.start - b.start);
  }
  const parts: Part[] = [];
  let at = 0;
  for (const { start, end, parts: inserted = [] } of edits) {
    parts.push(data.subarray(at, start), ...inserted);
    at = end;
  }
  parts.push(data.subarray(at));
  return parts;
}

/** Bytes of media encoded at a time, a multiple of three: strings so short die young, where garbage costs least. */
const base64Step = 24 * 1024;

function base64Of(media: Uint8Array): string[] {
  const bytes = Buffer.from(media.buffer, media.byteOffset, media.length);
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; at += base64Step) texts.push(bytes.toString("base64", at, at + base64Step));
  return texts;
}

/** Outside Node's pool: a frame that waits for one slow socket must not keep 8 KiB of strangers alive. */
function join(parts: readonly Part[]): Frame {
  let length = 0;
  for (const part of parts) length += part.length;
  const frame = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const part of parts) {
    if (typeof part === "string") frame.write(part, at, "latin1");
    else frame.set(part, at);
    at += part.length;
  }
  return frame;
}
