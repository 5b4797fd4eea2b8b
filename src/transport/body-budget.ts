/** The bytes of request bodies that are under way, on all ports of this process together, and the bound on them. */

import type { Room } from "../rpc/room.js";

/** A body of so many bytes is small: the reserve is for them. */
const smallBytes = 64 * 1024;
/** Large bodies leave this part of the budget to small ones. */
const reservedPart = 1 / 8;
/** Of the prefix of an RPC message: flags, and the size in four bytes. */
const prefixBytes = 5;

export class BodyBudget {
  readonly #bytesMax: number;
  readonly #largeBytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#largeBytesMax = bytesMax * (1 - reservedPart);
  }

  /** What is held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** For one body that is whole only when its last byte is there. */
  open(): BodyHold {
    return new BodyHold(this, false);
  }

  /** For a stream of messages, each with a prefix that says how long it is: what was read as a message is held no more. */
  openStream(): BodyHold {
    return new BodyHold(this, true);
  }

  /** Counts a body that held `from` bytes with `to`. False: there is no room for that, and nothing has changed. */
  resize(from: number, to: number): boolean {
    const bytes = this.#bytes - from + to;
    if (to > from && bytes > (to > smallBytes ? this.#largeBytesMax : this.#bytesMax)) return false;
    this.#bytes = bytes;
    return true;
  }
}

/** What one body holds of the budget, until it is released. */
export class BodyHold implements Room {
  readonly #budget: BodyBudget;
  readonly #framed: boolean;
  #bytes = 0;
  #released = false;
  /** Of the message that is not whole yet, among what was read. */
  #unfinished = 0;
  #prefix = 0;
  #size = 0;
  #missing = 0;

  constructor(budget: BodyBudget, framed: boolean) {
    this.#budget = budget;
    this.#framed = framed;
  }

  /** To be called before they are kept. False: there is no room for so many more bytes. */
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

  /** To be called with what is handed on to its reader, which keeps it until it has a whole message. */
  read(chunk: Uint8Array): void {
    if (!this.#framed || this.#released) return;
    const before = this.#unfinished;
    this.#follow(chunk);
    const bytes = this.#bytes - before - chunk.length + this.#unfinished;
    this.#budget.resize(this.#bytes, bytes);
    this.#bytes = bytes;
  }

  /** Idempotent. Nothing that comes later counts. */
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
