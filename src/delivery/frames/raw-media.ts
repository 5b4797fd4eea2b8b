/** The media of an event as raw bytes: those that the producer handed over, or the inline base64 of its data, decoded. */

import type { ByteRange, Event, MediaSlot } from "../../bus/bus.js";

/** Undefined when the event has no media, when it is larger than `bytesMax`, and when its text is no base64. */
export function rawMedia({ data, slot, media }: Event, bytesMax: number): Uint8Array | undefined {
  if (media !== undefined) return media.length > 0 && media.length <= bytesMax ? media : undefined;
  if (slot === undefined || slot.inlineBytes === 0 || slot.inlineBytes > bytesMax) return undefined;
  const text = inlineText(Buffer.from(data.buffer, data.byteOffset, data.length), slot);
  return text === undefined ? undefined : decode(text);
}

/** Node.js skips a character that is no base64. So the number of bytes tells whether there was such a character. */
function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  const characters = text.replace(/={1,2}$/, "").length;
  return characters % 4 !== 1 && bytes.length === Math.floor((characters * 3) / 4) ? bytes : undefined;
}

/** The value of the last `base64` in the media object of the slot. */
function inlineText(data: Buffer, slot: MediaSlot): string | undefined {
  const member = lastMember(data, slot);
  if (member === undefined) return undefined;
  const keyEnd = stringEnd(data, data.indexOf(quote, member.start));
  const start = data.indexOf(quote, keyEnd);
  const end = stringEnd(data, start);
  const text = data.toString("latin1", start + 1, end - 1);
  // Only as an escape can a line break stand in a string.
  return text.includes("\\") ? (JSON.parse(`"${text}"`) as string).replace(/[\r\n]+/g, "") : text;
}

/** An event that fills both layouts has cuts in two media objects, of which the slot means one. */
function lastMember(data: Buffer, { cuts, insertAt }: MediaSlot): ByteRange | undefined {
  let last: ByteRange | undefined;
  let at = insertAt;
  for (const cut of cuts) {
    if (cut.start < insertAt) continue;
    if (closesObject(data, at, cut.start)) break;
    last = cut;
    at = cut.end;
  }
  return last;
}

/** Whether the object around `start` ends before `end`. The data is checked JSON. */
function closesObject(data: Buffer, start: number, end: number): boolean {
  let depth = 0;
  for (let at = start; at < end; at++) {
    const byte = data[at];
    if (byte === quote) at = stringEnd(data, at) - 1;
    else if (byte === openBrace) depth++;
    else if (byte === closeBrace && --depth < 0) return true;
  }
  return false;
}

/** The offset after the string that begins at `start`. */
function stringEnd(data: Buffer, start: number): number {
  for (let at = start + 1; ; at++) {
    at = data.indexOf(quote, at);
    let backslashes = 0;
    while (data[at - 1 - backslashes] === backslash) backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
