/**
 * Ids of events, which are UUIDs of RFC 9562. The node that accepts an event mints a UUIDv7. For an event that came
 * without an id, every node makes the same UUIDv8 from a name. The text of an id is written when somebody needs it.
 */

import { createHash, randomFillSync } from "node:crypto";

/**
 * The 128 bits of a UUID, as four signed numbers of 32 bits from the most significant on. V8 keeps such numbers in the
 * object itself. A `Uint8Array` of 16 bytes in its place would cost every event 60 ns more.
 */
export interface EventId {
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  readonly word3: number;
}

export const idBytes = 16;

/** How many random words of 32 bits the first id of a millisecond takes: one draw. */
const drawWords = 3;
/** How many draws are fetched from the system at once. A request to the system costs more than a hundred ids. */
const pooledDraws = 128;
const word3Max = 0x7fffffff;

/**
 * Returns a function that mints the id of an event. Its parameter is the time at which the event is accepted, in
 * milliseconds since 1970. Each id is greater than all that this function minted before, as bytes and as text. When the
 * clock goes back, ids keep the latest time until the clock has reached it again.
 *
 * The function follows method 2 of RFC 9562, section 6.2. The first id of a millisecond is random after its time; each
 * further id of that millisecond adds one to the last word. The random first value leaves at least half of the range of
 * that word free, so a millisecond has a thousand million ids; after the last of them the ids go on with the next
 * millisecond.
 */
export function createIdMint(): (time: number) => EventId {
  const pool = new Int32Array(pooledDraws * drawWords);
  let next = pool.length;
  let latest = 0;
  let [word0, word1, word2, word3] = [0, 0, 0, 0];

  function begin(time: number): void {
    if (next === pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    latest = time;
    word0 = Math.floor(time / 0x10000) | 0;
    word1 = (time << 16) | 0x7000 | ((pool[next] as number) & 0xfff);
    word2 = withVariant(pool[next + 1] as number);
    word3 = (pool[next + 2] as number) & (word3Max >>> 1);
    next += drawWords;
  }

  return (time) => {
    if (time > latest) begin(time);
    else if (word3 === word3Max) begin(latest + 1);
    else word3++;
    return { word0, word1, word2, word3 };
  };
}

/** Makes a UUIDv8 of a text, as RFC 9562 shows it in appendix B.2. The same text gives the same id on every node. */
export function idOfName(name: string): EventId {
  const { word0, word1, word2, word3 } = idOfBytes(createHash("sha256").update(name).digest().subarray(0, idBytes));
  return { word0, word1: (word1 & ~0xf000) | 0x8000, word2: withVariant(word2), word3 };
}

export function isSameId(one: EventId, other: EventId): boolean {
  return (
    one.word3 === other.word3 && one.word2 === other.word2 && one.word1 === other.word1 && one.word0 === other.word0
  );
}

/** Whether `one` was minted before `other`. Both must come from the same node. False when one of the two is no UUIDv7. */
export function isEarlier(one: EventId, other: EventId): boolean {
  if (!isMinted(one) || !isMinted(other)) return false;
  if (one.word0 !== other.word0) return one.word0 >>> 0 < other.word0 >>> 0;
  if (one.word1 !== other.word1) return one.word1 >>> 0 < other.word1 >>> 0;
  if (one.word2 !== other.word2) return one.word2 >>> 0 < other.word2 >>> 0;
  return one.word3 >>> 0 < other.word3 >>> 0;
}

/** Whether an id is a UUIDv7. */
function isMinted({ word1 }: EventId): boolean {
  return (word1 & 0xf000) === 0x7000;
}

/** Reads an id from its 16 bytes. */
export function idOfBytes(bytes: Uint8Array): EventId {
  const view = new DataView(bytes.buffer, bytes.byteOffset, idBytes);
  return { word0: view.getInt32(0), word1: view.getInt32(4), word2: view.getInt32(8), word3: view.getInt32(12) };
}

/** Writes the 16 bytes of an id at an offset. */
export function writeId(bytes: Buffer, at: number, { word0, word1, word2, word3 }: EventId): void {
  bytes.writeInt32BE(word3, bytes.writeInt32BE(word2, bytes.writeInt32BE(word1, bytes.writeInt32BE(word0, at))));
}

const digits = Buffer.from("0123456789abcdef");
/** `idText` writes each id here. The hyphens stay where they stand in every UUID. */
const text = Buffer.from("00000000-0000-0000-0000-000000000000");

/** Returns an id as UUIDs are written: 36 characters, lower case. */
export function idText(id: EventId): string {
  writeIdText(text, 0, id);
  return text.toString("latin1");
}

/** Writes the text of an id at an offset. The hyphens must stand there already, because only the digits are written. */
export function writeIdText(bytes: Buffer, at: number, { word0, word1, word2, word3 }: EventId): void {
  writeDigits(bytes, at, word0 >>> 16);
  writeDigits(bytes, at + 4, word0);
  writeDigits(bytes, at + 9, word1 >>> 16);
  writeDigits(bytes, at + 14, word1);
  writeDigits(bytes, at + 19, word2 >>> 16);
  writeDigits(bytes, at + 24, word2);
  writeDigits(bytes, at + 28, word3 >>> 16);
  writeDigits(bytes, at + 32, word3);
}

/** Writes the lower 16 bits of a word as four digits. */
function writeDigits(bytes: Buffer, at: number, word: number): void {
  bytes[at] = digits[(word >>> 12) & 0xf] as number;
  bytes[at + 1] = digits[(word >>> 8) & 0xf] as number;
  bytes[at + 2] = digits[(word >>> 4) & 0xf] as number;
  bytes[at + 3] = digits[word & 0xf] as number;
}

/** Sets the two highest bits of the third word to the variant of RFC 9562. */
function withVariant(word: number): number {
  return (word & 0x3fffffff) | 0x80000000;
}
