/** Checks a JSON object and tells where the values of some of its members stand in the text. */

import { CheckedObject } from "./checked-object.js";
import { Cursor, type Watcher } from "./cursor.js";
import { afterwards, inSlices } from "./slices.js";
import { requireUtf8 } from "./utf8.js";

/** Half-open range of bytes. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The values of members, each with its quotes or brackets; absent ones are missing. */
export type Ranges<Name extends string> = Partial<Record<Name, Range>>;

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

/** Sees the members of the object at `depth`; of a name that stands twice the last counts, as everywhere in JSON. */
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
 * The values of the named members of the object that `bytes` is. At once for a text of usual size, else in slices.
 * Throws or rejects with JsonError when the text is not UTF-8, not JSON, no object, or nested deeper
 * than `levelsMax`, by default 256.
 */
export function scanMembers<Name extends string>(
  bytes: Uint8Array,
  names: readonly Name[],
  levelsMax?: number,
): Ranges<Name> | Promise<Ranges<Name>> {
  const members = new Members(names);
  return afterwards(scan(bytes, members, levelsMax), () => members.found);
}

/** Checks that `bytes` is an object, and shows it to the watcher, in the same way. */
export function scan(bytes: Uint8Array, watcher?: Watcher, levelsMax?: number): Promise<void> | undefined {
  // A millisecond for 16 MiB: no slices.
  requireUtf8(bytes);
  return inSlices(new Cursor(bytes, watcher, levelsMax));
}
