/**
 * Writes Protobuf varints by hand, for places where the reflection of the Protobuf library would cost more than
 * everything else.
 */

/** Writes `value`, a whole number up to 2^53, as a varint at offset `at`. Returns the offset after the varint. */
export function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value;
  let next = at;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[next++] = (rest % 0x80) | 0x80;
  bytes[next++] = rest;
  return next;
}

/** How many bytes `writeVarint` writes for a whole number up to 2^53. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
