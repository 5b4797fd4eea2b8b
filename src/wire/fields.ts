/** Walks through the fields of a Protobuf message without building any objects. */

/** Thrown when bytes are no Protobuf message, or are a message in a form that no encoder writes. */
export class WireError extends Error {}

export const varint = 0;
export const bit64 = 1;
export const lengthDelimited = 2;
const bit32 = 5;

/** Longest varint of a tag or a length, in bytes. Five bytes are enough, because a message holds at most 2 GiB. */
const lengthBytesMax = 5;
const varintBytesMax = 10;

export class Fields {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #left: number;
  #at: number;
  /** Offset of the current field's tag. */
  from = 0;
  /** Number of the current field. `type` is its wire type. Both stand in the tag. */
  number = 0;
  type = 0;
  /** Offset of the current field's value, after the length if there is one. `end` is the offset after the value. */
  start = 0;
  end = 0;

  /**
   * The message stands in `bytes` from `start` to `end`. When the message has more than `max` fields, `next` throws
   * WireError.
   */
  constructor(bytes: Uint8Array, start: number, end: number, max: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#left = max;
  }

  /** Goes to the next field. Returns false after the last field. Throws WireError when the bytes are not a message. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    if (this.#left-- === 0) throw new WireError("too many fields");
    this.from = this.#at;
    const tag = this.#small();
    this.number = tag >>> 3;
    this.type = tag & 7;
    if (this.number === 0) throw new WireError("field 0");
    this.start = this.#at;
    if (this.type === varint) this.end = this.#varintEnd();
    else if (this.type === lengthDelimited) {
      const length = this.#small();
      this.start = this.#at;
      this.end = this.#at + length;
    } else if (this.type === bit64) this.end = this.#at + 8;
    else if (this.type === bit32) this.end = this.#at + 4;
    else throw new WireError("a group");
    if (this.end > this.#end) throw new WireError("a field that ends beyond its message");
    this.#at = this.end;
    return true;
  }

  is(number: number, type: number): boolean {
    return this.number === number && this.type === type;
  }

  /** Returns the value of a varint field. Only its lowest 64 bits count. */
  big(): bigint {
    let value = 0n;
    for (let at = this.start; at < this.end; at++)
      value |= BigInt((this.#bytes[at] as number) & 0x7f) << BigInt(7 * (at - this.start));
    return BigInt.asUintN(64, value);
  }

  /** Returns the value of a varint field as a number, which is exact up to 2^53. */
  value(): number {
    let value = 0;
    let factor = 1;
    for (let at = this.start; at < this.end; at++, factor *= 0x80)
      value += ((this.#bytes[at] as number) & 0x7f) * factor;
    return value;
  }

  /** Whether the value of a varint field is anything but 0. */
  truth(): boolean {
    for (let at = this.start; at < this.end; at++) if (((this.#bytes[at] as number) & 0x7f) !== 0) return true;
    return false;
  }

  /** Reads a varint below 2^32, such as a tag or a length. */
  #small(): number {
    let value = 0;
    for (let i = 0; i < lengthBytesMax && this.#at < this.#end; i++) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80 && value < 2 ** 32) return value;
    }
    throw new WireError("a number that does not end");
  }

  #varintEnd(): number {
    for (let at = this.#at; at < this.#end && at < this.#at + varintBytesMax; at++)
      if ((this.#bytes[at] as number) < 0x80) return at + 1;
    throw new WireError("a number that does not end");
  }
}
