/** Checks the text of a JSON object, and finds where the values of the wanted members stand in the text. */

import { CheckedObject } from "./checked-object.js";
import { Cursor, type Watcher } from "./cursor.js";
import { afterwards, inSlices } from "./slices.js";
import { requireUtf8 } from "./utf8.js";

/** A range of bytes in a text. `start` is the offset of the first byte, and `end` the offset after the last byte. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * By member name: the range of the member's value, with its quotes or brackets. A member that is absent has no range.
 */
export type Ranges<Name extends string> = Partial<Record<Name, Range>>;

/**
 * Returns the text of a value whose range a scan has found. The text of an object is a CheckedObject. Copies nothing.
 */
export function textAt(bytes: Uint8Array, { start, end }: Range): Uint8Array {
  const isObject = bytes[start] === 0x7b;
  return isObject ? new CheckedObject(bytes.buffer, bytes.byteOffset + start, end - start) : bytes.subarray(start, end);
}

/**
 * Whether the value in this range is a string without escapes. The bytes between the quotes of such a string are its
 * text.
 */
export function isPlainString(bytes: Uint8Array, { start, end }: Range): boolean {
  if (bytes[start] !== 0x22) return false;
  for (let at = start + 1; at < end; at++) if (bytes[at] === 0x5c) return false;
  return true;
}

/**
 * A watcher that finds members of an object by name. When two members have the same name, the later member counts, as
 * everywhere in JSON.
 */
export class Members<Name extends string> implements Watcher {
  readonly #names: readonly Name[];
  #name: Name | undefined;
  #start = 0;
  found: Ranges<Name> = {};

  constructor(names: readonly Name[]) {
    this.#names = names;
  }

  begin(cursor: Cursor): boolean {
    this.#name = undefined;
    for (const name of this.#names) if (cursor.keyIs(name)) this.#name = name;
    this.#start = cursor.at;
    return false;
  }

  end(cursor: Cursor): void {
    if (this.#name !== undefined) this.found[this.#name] = { start: this.#start, end: cursor.at };
  }
}

/**
 * Finds the values of the named members of a JSON object. Answers at once for a text up to 128 KiB. Reads a longer text
 * in slices of 128 KiB, and then returns a promise. Throws or rejects with JsonError when the text is not UTF-8, not
 * JSON, no object, or nested deeper than `levelsMax` (256 by default).
 */
export function scanMembers<Name extends string>(
  bytes: Uint8Array,
  names: readonly Name[],
  levelsMax?: number,
): Ranges<Name> | Promise<Ranges<Name>> {
  const members = new Members(names);
  return afterwards(scan(bytes, members, levelsMax), () => members.found);
}

/**
 * Checks that `bytes` is a JSON object, and shows its members to the watcher. Returns undefined when the check is done
 * at once, and a promise when a text above 128 KiB is read in slices. Throws or rejects with JsonError.
 */
export function scan(bytes: Uint8Array, watcher?: Watcher, levelsMax?: number): Promise<void> | undefined {
  // The check for UTF-8 takes a millisecond for 16 MiB, so it is done at once, and not in slices.
  requireUtf8(bytes);
  return inSlices(new Cursor(bytes, watcher, levelsMax));
}
