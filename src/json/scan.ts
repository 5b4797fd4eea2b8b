/** Checks a JSON object and tells where the values of some of its members stand in the text. */

import { CheckedObject } from "./checked-object.js";
import { Cursor } from "./cursor.js";
import { requireUtf8 } from "./utf8.js";

/** Half-open range of bytes. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The text of a value that a scan has found. */
export function textAt(bytes: Uint8Array, { start, end }: Range): Uint8Array {
  const isObject = bytes[start] === 0x7b;
  return isObject ? new CheckedObject(bytes.buffer, bytes.byteOffset + start, end - start) : bytes.subarray(start, end);
}

/** Whether a value that a scan has found is a string without escapes, whose bytes are its text. */
export function isPlainString(bytes: Uint8Array, { start, end }: Range): boolean {
  if (bytes[start] !== 0x22) return false;
  for (let at = start + 1; at < end; at++) if (bytes[at] === 0x5c) return false;
  return true;
}

/**
 * The values of the named members of the object that `bytes` is, each with its quotes or brackets; absent ones are
 * missing from the answer. Of a name that stands twice the last counts, as everywhere in JSON. Throws JsonError when the
 * text is not UTF-8, not JSON, no object, or nested deeper than 256 levels.
 */
export function scanMembers<Name extends string>(
  bytes: Uint8Array,
  names: readonly Name[],
): Partial<Record<Name, Range>> {
  requireUtf8(bytes);
  const found: Partial<Record<Name, Range>> = {};
  const cursor = new Cursor(bytes);
  cursor.space();
  cursor.object((key) => {
    const name = names.find((candidate) => key.is(candidate));
    const start = cursor.at;
    cursor.value();
    if (name !== undefined) found[name] = { start, end: cursor.at };
  });
  cursor.finish();
  return found;
}
