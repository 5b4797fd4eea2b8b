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

type Part = Uint8Array | Base64;

interface Edit extends ByteRange {
  /** Stands where the range was cut out. */
  readonly parts?: readonly Part[];
}

/** The data without its inline base64, and with the raw media where it belongs. */
function edited(data: Uint8Array, slot: MediaSlot, media: Uint8Array | undefined): Part[] {
  let edits: readonly Edit[] = slot.cuts;
  if (media !== undefined) {
    const inline = [key, new Base64(media), slot.hasOthers ? quoteAndComma : quote];
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

const [key, quote, quoteAndComma] = [Buffer.from('"base64":"'), Buffer.from('"'), Buffer.from('",')];

/** Media that is encoded where it stands in the frame. */
class Base64 {
  /** Bytes encoded at a time, a multiple of three: text so short dies young, where garbage costs least. */
  static readonly #step = 24 * 1024;
  readonly #bytes: Buffer;
  /** Of the text, with its padding. */
  readonly length: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.length = 4 * Math.ceil(bytes.length / 3);
  }

  writeTo(frame: Frame, at: number): void {
    for (let from = 0; from < this.#bytes.length; from += Base64.#step) {
      at += frame.write(this.#bytes.toString("base64", from, from + Base64.#step), at, "latin1");
    }
  }
}

/** Below 4 KiB in Node's pool: memory of its own costs 0.9 µs, as much as all the rest of a frame. */
function join(parts: readonly Part[]): Frame {
  let length = 0;
  for (const part of parts) length += part.length;
  const frame = Buffer.allocUnsafe(length);
  let at = 0;
  for (const part of parts) {
    if (part instanceof Base64) part.writeTo(frame, at);
    else frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** One that may wait for long: in memory of its own, or it would keep 8 KiB of strangers alive. */
export function lasting(frame: Frame): Frame {
  if (frame.buffer.byteLength === frame.length) return frame;
  const copy = Buffer.allocUnsafeSlow(frame.length);
  copy.set(frame);
  return copy;
}
