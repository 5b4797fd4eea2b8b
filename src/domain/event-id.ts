/**
 * Makes the ids of events: UUIDv7 of RFC 9562. The node that accepts an event makes its id. An id stays bytes until
 * somebody needs its text.
 */

import { createHash, randomFillSync } from "node:crypto";

/** The id of an event: the 16 bytes of a UUID. */
export type EventId = Uint8Array;

export const idBytes = 16;

/**
 * The largest counter: an id holds a counter of 12 bits, as in method 1 of RFC 9562, section 6.2. The counter begins
 * anew with each millisecond, at a random value up to `seedMax`.
 */
const counterMax = 0xfff;
const seedMax = 0x7ff;
/** Random bytes that one id takes: two for the seed of the counter and eight that stand in the id itself. */
const randomBytes = 10;
/**
 * The system is asked for the random bytes of this many ids at once, because one request costs more than making an id.
 */
const pooledIds = 400;

/**
 * Makes a function that mints ids. `time` is when the event was accepted, in milliseconds since 1970. Each id is
 * greater than the one before, byte by byte and as text. When the clock goes back, the id keeps the latest time that
 * there was.
 */
export function createIdMint(): (time: number) => EventId {
  const pool = new Uint8Array(pooledIds * randomBytes);
  let next = pool.length;
  let latest = 0;
  let counter = 0;

  return (time) => {
    if (next === pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    const seed = (((pool[next] as number) << 8) | (pool[next + 1] as number)) & seedMax;
    if (time > latest) {
      latest = time;
      counter = seed;
    } else if (++counter > counterMax) {
      latest++;
      counter = seed;
    }
    const id = new Uint8Array(idBytes);
    const high = Math.floor(latest / 0x10000);
    id[0] = high >>> 24;
    id[1] = high >>> 16;
    id[2] = high >>> 8;
    id[3] = high;
    id[4] = latest >>> 8;
    id[5] = latest;
    id[6] = 0x70 | (counter >>> 8);
    id[7] = counter;
    for (let at = 8; at < idBytes; at++) id[at] = pool[next + at - 6] as number;
    id[8] = variantOf(id[8] as number);
    next += randomBytes;
    return id;
  };
}

/** Makes a UUIDv8 from a text, as appendix B.2 of RFC 9562 shows. Every node makes the same id from the same text. */
export function idOfName(name: string): EventId {
  const id = createHash("sha256").update(name).digest().subarray(0, idBytes);
  id[6] = 0x80 | ((id[6] as number) & 0x0f);
  id[8] = variantOf(id[8] as number);
  return id;
}

/** The position in the text of the first of a byte's two digits, for each of the 16 bytes. */
const places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const digits = Buffer.from("0123456789abcdef");
const text = Buffer.alloc(36, "-");

/**
 * The text of an id as UUIDs are written: 36 characters in lower case. The text is made in one buffer, because joining
 * many strings would take twice as long.
 */
export function idText(id: EventId): string {
  for (let n = 0; n < idBytes; n++) {
    const byte = id[n] as number;
    const place = places[n] as number;
    text[place] = digits[byte >>> 4] as number;
    text[place + 1] = digits[byte & 0x0f] as number;
  }
  return text.toString("latin1");
}

function variantOf(byte: number): number {
  return 0x80 | (byte & 0x3f);
}
