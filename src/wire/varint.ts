/** Writes Protobuf's numbers by hand, for places where reflection would cost more than everything else. */

/** Writes a whole number up to 2^53. Returns the offset after it. */
export function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value;
  let next = at;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[next++] = (rest % 0x80) | 0x80;
  bytes[next++] = rest;
  return next;
}
