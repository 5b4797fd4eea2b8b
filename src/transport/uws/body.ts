/** Collects the whole body of a request, up to a limit. */

import { AppError } from "../../domain/errors.js";
import { Gather } from "../../wire/gather.js";
import type { BodyHold } from "../body-budget.js";
import { turnBytesMax } from "../byte-queue.js";
import type { Exchange, Waited } from "./exchange.js";

/** The whole body, or a mark that says that the body is over the limit. */
export type Whole = Buffer | "too large";

export class Body {
  readonly #exchange: Exchange;
  readonly #limit: number;
  readonly #hold: BodyHold;
  #gather: Gather;
  /** How many bytes of the body arrived in this turn of the event loop. */
  #turnBytes = 0;
  #paused = false;
  #whole: Whole | undefined;
  #wanted: ((whole: Whole) => Waited) | undefined;

  /**
   * Create a `Body` in the turn of the event loop in which the request arrived: uWebSockets pushes the body from then
   * on and keeps nothing.
   */
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
   * Calls back with the whole body: at once if it is complete, otherwise when its last chunk arrives. Does not call
   * back if the client goes away before. An error that the callback throws is answered.
   *
   * A body over the limit is reported as soon as its announced size or its received bytes exceed the limit. The rest of
   * the body is read and thrown away, because a cut connection would take the answer from the client.
   */
  whenWhole(callback: (whole: Whole) => Waited): Waited {
    if (this.#whole !== undefined) return callback(this.#whole);
    this.#wanted = callback;
  }

  #take(chunk: ArrayBuffer, isLast: boolean): void {
    if (isLast) this.#exchange.bodyCame = true;
    if (this.#whole !== undefined) return;
    if (!this.#exchange.open) {
      // Drop the bytes: the request was answered before its body was complete.
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
    // `add` copies the chunk, because uWebSockets takes its memory back when this function returns.
    if (chunk.byteLength > 0) this.#gather.add(new Uint8Array(chunk));
    if (isLast) this.#settle(this.#gather.whole());
    else this.#pace(chunk.byteLength);
  }

  /**
   * Pauses the request when enough bytes of its body arrived in this turn of the event loop. Pauses only while the
   * handler waits for the whole body. Otherwise the handler could answer during the pause, and a paused request cannot
   * be resumed after its answer.
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
