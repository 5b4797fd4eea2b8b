/** Collects the body of a request, up to a limit. */

import { AppError } from "../domain/errors.js";
import type { BodyHold } from "./body-budget.js";
import type { Exchange, Waited } from "./exchange.js";

/** In place of a body over the limit. */
export type Whole = Buffer | "too large";

export class Body {
  readonly #exchange: Exchange;
  readonly #limit: number;
  readonly #hold: BodyHold;
  #chunks: Buffer[] = [];
  #size = 0;
  #whole: Whole | undefined;
  #wanted: ((whole: Whole) => Waited) | undefined;

  /** To be made in the very turn of the request: uWebSockets pushes, and keeps nothing. */
  constructor(exchange: Exchange, limit: number) {
    this.#exchange = exchange;
    this.#limit = limit;
    this.#hold = exchange.holdBody(false);
    if (Number(exchange.head.contentLength) > limit) this.#whole = "too large";
    exchange.res.onData((chunk, isLast) => this.#take(chunk, isLast));
  }

  /**
   * Calls back with the whole body, at once or in the turn of its last chunk (what that throws then is answered), unless
   * the client goes away before. One over the limit is known as soon as it is announced or has come that far; the rest of it
   * is read and thrown away behind the answer, since cutting the connection would take the answer from the client.
   */
  whenWhole(callback: (whole: Whole) => Waited): Waited {
    if (this.#whole !== undefined) return callback(this.#whole);
    this.#wanted = callback;
  }

  #take(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.#whole !== undefined) return;
    if (!this.#exchange.open) {
      // It was answered unread.
      this.#chunks = [];
      return;
    }
    this.#size += chunk.byteLength;
    if (this.#size > this.#limit) {
      this.#settle("too large");
      return;
    }
    if (!this.#hold.arrived(chunk.byteLength)) {
      this.#chunks = [];
      this.#exchange.attempt(() => {
        throw new AppError("OVERLOADED", { retryAfterSeconds: 1 });
      });
      return;
    }
    // The chunk is taken back when this returns.
    if (chunk.byteLength > 0) this.#chunks.push(copy(chunk));
    if (isLast) this.#settle(this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks));
  }

  #settle(whole: Whole): void {
    this.#whole = whole;
    this.#chunks = [];
    const wanted = this.#wanted;
    if (wanted !== undefined) this.#exchange.attempt(() => wanted(whole));
  }
}

function copy(chunk: ArrayBuffer): Buffer {
  const bytes = Buffer.allocUnsafe(chunk.byteLength);
  bytes.set(new Uint8Array(chunk));
  return bytes;
}
