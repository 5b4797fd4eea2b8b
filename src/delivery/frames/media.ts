/** The media in the data of an event: taken out, or put in where the publisher handed it over as raw bytes. */

import type { ByteRange, MediaSlot } from "../../bus/bus.js";
import { Base64, type Part } from "./parts.js";

interface Edit extends ByteRange {
  /** Stands where the range was cut out. */
  readonly parts?: readonly Part[];
}

/** The data without its inline base64, and with the raw media where it belongs. */
export function editMedia(data: Uint8Array, slot: MediaSlot, media: Uint8Array | undefined): Part[] {
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
