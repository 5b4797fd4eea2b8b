/** Checks the data of an event, unless that was done where it came in, and finds where its media stands. */

import type { ByteRange, MediaSlot } from "../bus/bus.js";
import type { EventType } from "../domain/event-type.js";
import { CheckedObject } from "../json/checked-object.js";
import { Cursor } from "../json/cursor.js";
import { requireUtf8 } from "../json/utf8.js";

/** The slot of a `message.exchange` that has a media object; undefined for all else. Throws JsonError. */
export function checkEventData(type: EventType, data: Uint8Array): MediaSlot | undefined {
  const checked = data instanceof CheckedObject;
  if (checked && type !== "message.exchange") return undefined;
  if (!checked) requireUtf8(data);
  const cursor = new Cursor(data);
  cursor.space();
  const slot = type === "message.exchange" ? readExchange(cursor, data) : readObject(cursor);
  cursor.finish();
  return slot;
}

function readObject(cursor: Cursor): undefined {
  cursor.object();
}

/** `data.message.media`, or `data.media` in the flat layout. With both, the first is the place for raw media. */
function readExchange(cursor: Cursor, data: Uint8Array): MediaSlot | undefined {
  const cuts: ByteRange[] = [];
  let nested: MediaSlot | undefined;
  let flat: MediaSlot | undefined;
  cursor.object((key) => {
    if (key.is("media") && cursor.isObject()) flat = readMedia(cursor, data, cuts);
    else if (key.is("message") && cursor.isObject()) {
      cursor.object((inner) => {
        if (inner.is("media") && cursor.isObject()) nested = readMedia(cursor, data, cuts);
        else cursor.value();
      });
    } else cursor.value();
  });
  return nested ?? flat;
}

/** Reads a media object and adds to `cuts` what has to go with its `base64` members. */
function readMedia(cursor: Cursor, data: Uint8Array, cuts: ByteRange[]): MediaSlot {
  const insertAt = cursor.at + 1;
  let inlineBytes = 0;
  let kept = false;
  let previousEnd = insertAt;
  /** A cut with no kept member before it: it reaches to the next member, comma included. */
  let leading: number | undefined;
  cursor.object((key) => {
    if (leading !== undefined) cuts.push({ start: leading, end: key.start });
    leading = undefined;
    const isBase64 = key.is("base64");
    const valueStart = cursor.at;
    cursor.value();
    if (!isBase64) kept = true;
    else {
      inlineBytes = decodedBytes(data, valueStart, cursor.at);
      if (kept) cuts.push({ start: previousEnd, end: cursor.at });
      else leading = key.start;
    }
    previousEnd = cursor.at;
  });
  if (leading !== undefined) cuts.push({ start: leading, end: previousEnd });
  return { cuts, inlineBytes, insertAt, hasOthers: kept };
}

/** Size of what a base64 string between quotes stands for. Anything but a string stands for nothing. */
function decodedBytes(data: Uint8Array, start: number, end: number): number {
  if (data[start] !== 0x22) return 0;
  let length = end - start - 2;
  while (length > 0 && data[start + length] === 0x3d) length--;
  return Math.floor((length * 3) / 4);
}
