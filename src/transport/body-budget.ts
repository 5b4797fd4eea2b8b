/** Limits the bytes of request bodies that the process holds at one time, on all its ports together. */

import type { Room } from "../rpc/decoding/room.js";

/** Largest size of a small body, in bytes. A part of the budget is reserved for small bodies. */
const smallBytes = 64 * 1024;
/** The part of the budget that is reserved for small bodies. Large bodies may not use it. */
const reservedPart = 1 / 8;
/** The prefix of an RPC message: one byte of flags and four bytes of size. */
const prefixBytes = 5;

export class BodyBudget {
  readonly #bytesMax: number;
  readonly #largeBytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#largeBytesMax = bytesMax * (1 - reservedPart);
  }

  /** How many bytes all bodies hold now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Opens a hold for one body. All bytes of the body count until the hold is released. */
  open(): BodyHold {
    return new BodyHold(this, false);
  }

  /**
   * Opens a hold for a stream of messages. A prefix before each message says how long the message is. The bytes of a
   * message count until the reader has the complete message.
   */
  openStream(): BodyHold {
    return new BodyHold(this, true);
  }

  /**
   * Changes the bytes that one body holds from `from` to `to`. False when there is no room for them; then nothing has
   * changed.
   */
  resize(from: number, to: number): boolean {
    const bytes = this.#bytes - from + to;
    if (to > from && bytes > (to > smallBytes ? this.#largeBytesMax : this.#bytesMax)) return false;
    this.#bytes = bytes;
    return true;
  }
}

/** The part of the budget that one body holds until the hold is released. */
export class BodyHold implements Room {
  readonly #budget: BodyBudget;
  readonly #framed: boolean;
  #bytes = 0;
  #released = false;
  /** How many bytes of an incomplete message the reader has got. */
  #unfinished = 0;
  #prefix = 0;
  #size = 0;
  #missing = 0;

  constructor(budget: BodyBudget, framed: boolean) {
    this.#budget = budget;
    this.#framed = framed;
  }

  /** Adds bytes to the hold. Call `grow` before you keep the bytes. False when the budget has no room for them. */
  grow(bytes: number): boolean {
    if (this.#released) return true;
    const room = this.#budget.resize(this.#bytes, this.#bytes + bytes);
    if (room) this.#bytes += bytes;
    return room;
  }

  /** Gives bytes back before the release. Call `shrink` for bytes that are no longer kept. */
  shrink(bytes: number): void {
    if (this.#released) return;
    this.#budget.resize(this.#bytes, this.#bytes - bytes);
    this.#bytes -= bytes;
  }

  /** Notes that the reader got a chunk. The reader keeps the bytes of a message until it has the complete message. */
  read(chunk: Uint8Array): void {
    if (!this.#framed || this.#released) return;
    const before = this.#unfinished;
    this.#follow(chunk);
    const bytes = this.#bytes - before - chunk.length + this.#unfinished;
    this.#budget.resize(this.#bytes, bytes);
    this.#bytes = bytes;
  }

  /** Gives all bytes back. Bytes that arrive later do not count. A second call does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#budget.resize(this.#bytes, 0);
  }

  #follow(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#missing > 0) {
        const taken = Math.min(this.#missing, chunk.length - at);
        this.#missing -= taken;
        this.#unfinished += taken;
        at += taken;
      } else {
        if (this.#prefix > 0) this.#size = this.#size * 256 + (chunk[at] as number);
        this.#prefix++;
        this.#unfinished++;
        at++;
        if (this.#prefix < prefixBytes) continue;
        this.#missing = this.#size;
        this.#prefix = 0;
        this.#size = 0;
      }
      if (this.#missing === 0) this.#unfinished = 0;
    }
  }
}
