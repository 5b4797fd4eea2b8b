/** Counts and limits the bytes of request bodies that are under way, on all ports of this process together. */

import type { Room } from "../rpc/decoding/room.js";

/** Largest size of a small body. The reserve is for small bodies. */
const smallBytes = 64 * 1024;
/** The part of the budget that large bodies must leave to small ones. */
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

  /** The bytes that are held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Opens a hold for one body, whose bytes are all held until its last byte has arrived. */
  open(): BodyHold {
    return new BodyHold(this, false);
  }

  /**
   * Opens a hold for a stream of messages, each with a prefix that says its size. The bytes of a complete message are
   * no longer held.
   */
  openStream(): BodyHold {
    return new BodyHold(this, true);
  }

  /** Changes the count of a body from `from` bytes to `to`. False when there is no room; then nothing has changed. */
  resize(from: number, to: number): boolean {
    const bytes = this.#bytes - from + to;
    if (to > from && bytes > (to > smallBytes ? this.#largeBytesMax : this.#bytesMax)) return false;
    this.#bytes = bytes;
    return true;
  }
}

/** The part of the budget that one body holds until it is released. */
export class BodyHold implements Room {
  readonly #budget: BodyBudget;
  readonly #framed: boolean;
  #bytes = 0;
  #released = false;
  /** The bytes of the incomplete message among those that were read. */
  #unfinished = 0;
  #prefix = 0;
  #size = 0;
  #missing = 0;

  constructor(budget: BodyBudget, framed: boolean) {
    this.#budget = budget;
    this.#framed = framed;
  }

  /** Call it before the bytes are kept. False when there is no room for them. */
  grow(bytes: number): boolean {
    if (this.#released) return true;
    const room = this.#budget.resize(this.#bytes, this.#bytes + bytes);
    if (room) this.#bytes += bytes;
    return room;
  }

  /** Gives back what is needed no more before the release. */
  shrink(bytes: number): void {
    if (this.#released) return;
    this.#budget.resize(this.#bytes, this.#bytes - bytes);
    this.#bytes -= bytes;
  }

  /** Call it when a chunk is handed to the reader. The reader keeps the chunk until it has a complete message. */
  read(chunk: Uint8Array): void {
    if (!this.#framed || this.#released) return;
    const before = this.#unfinished;
    this.#follow(chunk);
    const bytes = this.#bytes - before - chunk.length + this.#unfinished;
    this.#budget.resize(this.#bytes, bytes);
    this.#bytes = bytes;
  }

  /** Gives everything back. Bytes that arrive later do not count. It may be called again. */
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
