/**
 * Edits the media in the data of an event: takes base64 text out, or puts in media that the producer sent as raw bytes.
 */

import type { ByteRange, MediaSlot } from "../../bus/bus.js";
import { Base64, type Part } from "./parts.js";

interface Edit extends ByteRange {
  /** The parts that replace the bytes of the range. Without parts, the range is only cut out. */
  readonly parts?: readonly Part[];
}

/**
 * Returns the data of an event without its base64 text. If raw `media` is given, the data gets that media as base64.
 */
export function editMedia(data: Uint8Array, slot: MediaSlot, media: Uint8Array | undefined): Part[] {
  let edits: readonly Edit[] = slot.cuts;
  if (media !== undefined) {
    const inline = [key, new Base64(media), slot.hasOthers ? quoteAndComma : quote];
    // The sort is stable, so an insertion goes before a cut that begins at the same byte.
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
