/** Numbers as Protobuf writes them, where reflection costs more than the rest. */

/** Whole numbers up to 2^53. Returns where the next byte goes. */
export function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value;
  let next = at;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[next++] = (rest % 0x80) | 0x80;
  bytes[next++] = rest;
  return next;
}
