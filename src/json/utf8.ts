/** Checks that a text is UTF-8. Code must make this check before any other check of the text. */

import { isUtf8 } from "node:buffer";
import { JsonError } from "./json-error.js";

/** Throws a JsonError with the offset of the first byte that is not UTF-8. */
export function requireUtf8(bytes: Uint8Array): void {
  if (!isUtf8(bytes)) throw new JsonError("no UTF-8", firstFault(bytes));
}

/**
 * Returns the offset of the first byte that is not UTF-8. Skips correct pieces of the text: large pieces first, then
 * smaller ones, and at last single characters.
 */
function firstFault(bytes: Uint8Array): number {
  let at = 0;
  for (let size = 2 ** 16; size > 8; ) {
    const end = characterStart(bytes, Math.min(at + size, bytes.length));
    if (end > at && isUtf8(bytes.subarray(at, end))) at = end;
    else size /= 2;
  }
  for (;;) {
    const length = [1, 2, 3, 4].find((count) => isUtf8(bytes.subarray(at, at + count)));
    if (length === undefined || at >= bytes.length) return at;
    at += length;
  }
}

/** Returns the nearest offset at or before `at` where a character may begin. */
function characterStart(bytes: Uint8Array, at: number): number {
  let start = at;
  while (at - start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start--;
  return start;
}
