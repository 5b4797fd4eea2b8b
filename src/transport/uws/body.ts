/** Collects the body of a request, up to a limit. */

import { AppError } from "../../domain/errors.js";
import { Gather } from "../../wire/gather.js";
import type { BodyHold } from "../body-budget.js";
import { turnBytesMax } from "../byte-queue.js";
import type { Exchange, Waited } from "./exchange.js";

/** The whole body, or the mark for a body over the limit. */
export type Whole = Buffer | "too large";

export class Body {
  readonly #exchange: Exchange;
  readonly #limit: number;
  readonly #hold: BodyHold;
  #gather: Gather;
  /** The bytes that arrived in this turn. */
  #turnBytes = 0;
  #paused = false;
  #whole: Whole | undefined;
  #wanted: ((whole: Whole) => Waited) | undefined;

  /** Create it in the same turn as the request: uWebSockets pushes the body and keeps nothing. */
  constructor(exchange: Exchange, limit: number) {
    this.#exchange = exchange;
    this.#limit = limit;
    this.#hold = exchange.holdBody(false);
    const announced = Number(exchange.head.contentLength) || 0;
    this.#gather = new Gather(announced, limit);
    if (announced > limit) this.#whole = "too large";
    exchange.res.onData((chunk, isLast) => this.#take(chunk, isLast));
  }

  /**
   * Calls back with the whole body: at once, or in the turn of its last chunk, and never when the client goes away
   * before. An error that the callback throws is answered. A body over the limit is reported as soon as its size is
   * announced or has arrived. The rest of such a body is read and thrown away after the answer; to cut the connection
   * would take the answer from the client.
   */
  whenWhole(callback: (whole: Whole) => Waited): Waited {
    if (this.#whole !== undefined) return callback(this.#whole);
    this.#wanted = callback;
  }

  #take(chunk: ArrayBuffer, isLast: boolean): void {
    if (isLast) this.#exchange.bodyCame = true;
    if (this.#whole !== undefined) return;
    if (!this.#exchange.open) {
      // The request was answered before its body was read.
      this.#gather = nothing;
      return;
    }
    if (this.#gather.size + chunk.byteLength > this.#limit) {
      this.#settle("too large");
      return;
    }
    if (!this.#hold.grow(chunk.byteLength)) {
      this.#resume();
      this.#gather = nothing;
      this.#exchange.attempt(() => {
        throw new AppError("OVERLOADED", { retryAfterSeconds: 1 });
      });
      return;
    }
    // uWebSockets takes the chunk back when this function returns.
    if (chunk.byteLength > 0) this.#gather.add(new Uint8Array(chunk));
    if (isLast) this.#settle(this.#gather.whole());
    else this.#pace(chunk.byteLength);
  }

  /**
   * Pauses the request when a turn has brought enough. It does so only when nobody else can answer: a request that is
   * paused cannot be resumed after its answer.
   */
  #pace(bytes: number): void {
    if (this.#turnBytes === 0) setImmediate(this.#renew);
    this.#turnBytes += bytes;
    if (this.#turnBytes < turnBytesMax || this.#paused || this.#wanted === undefined) return;
    this.#paused = true;
    this.#exchange.res.pause();
  }

  readonly #renew = (): void => {
    this.#turnBytes = 0;
    this.#resume();
  };

  #resume(): void {
    if (!this.#paused || !this.#exchange.open) return;
    this.#paused = false;
    this.#exchange.res.resume();
  }

  #settle(whole: Whole): void {
    this.#resume();
    this.#whole = whole;
    this.#gather = nothing;
    const wanted = this.#wanted;
    if (wanted !== undefined) this.#exchange.attempt(() => wanted(whole));
  }
}

const nothing = new Gather(0, 0);
