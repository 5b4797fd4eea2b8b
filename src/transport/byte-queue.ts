/** A bounded queue between a source and a reader. The source pushes the pieces of a body, and the reader pulls them. */

import { AppError } from "../domain/errors.js";
import type { BodyHold } from "./body-budget.js";

/**
 * Most pieces that may wait unread. With more, the queue pauses the source. A source pushes at most some hundred KiB at
 * once.
 */
const waitingMax = 16;
/**
 * Most bytes of a body that a reader gets in one turn of the event loop. More would hold up other work: to copy 16 MiB
 * takes 10 ms.
 */
export const turnBytesMax = 1024 * 1024;

export interface PausableSource {
  pause(): unknown;
  resume(): unknown;
}

interface Wanted {
  resolve(result: IteratorResult<Uint8Array>): void;
  reject(error: Error): void;
}

/**
 * Pauses the source when too many pieces wait unread, or when the reader got enough bytes in one turn of the event
 * loop.
 */
export class ByteQueue implements AsyncIterableIterator<Uint8Array> {
  readonly #source: PausableSource;
  readonly #hold: BodyHold | undefined;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #error: Error | undefined;
  /** Whether the source has failed. Then the queue must not touch the source any more. */
  #gone = false;
  #paused = false;
  #wanted: Wanted | undefined;
  /** How many bytes the reader got in this turn of the event loop. */
  #given = 0;

  /** `hold` counts the bytes that the source pushes. The caller that opened the hold must release it. */
  constructor(source: PausableSource, hold?: BodyHold) {
    this.#source = source;
    this.#hold = hold;
  }

  /** Whether the body has ended, so that the queue accepts no more pieces. */
  get ended(): boolean {
    return this.#ended;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * Resolves with the next piece of the body. Call `next` again only when the last promise has settled. Rejects when
   * the body breaks off.
   */
  next(): Promise<IteratorResult<Uint8Array>> {
    return new Promise((resolve, reject) => {
      this.#wanted = { resolve, reject };
      this.#give();
    });
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.discard();
    return { done: true, value: undefined };
  }

  /** Throws away the rest of the body, so that the connection can carry the next request. */
  discard(): void {
    this.#chunks = [];
    this.end();
    this.#resume();
  }

  /**
   * Adds a piece of the body. A piece after the end is thrown away. When the budget has no room for a piece, the body
   * ends with the error OVERLOADED.
   */
  push(chunk: Uint8Array, last = false): void {
    if (!this.#ended && chunk.length > 0) {
      if (this.#hold?.grow(chunk.length) === false) {
        this.#error ??= new AppError("OVERLOADED", { retryAfterSeconds: 1 });
        this.discard();
        return;
      }
      this.#chunks.push(chunk);
    }
    if (last) {
      this.#ended = true;
      // Resume the source now, because the next request comes on the same connection.
      this.#resume();
    } else if ((this.#chunks.length > waitingMax || this.#given >= turnBytesMax) && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
    this.#give();
  }

  /** Ends the body. The reader still gets the pieces that wait. */
  end(): void {
    this.#ended = true;
    this.#give();
  }

  /** Ends the body with an error. No piece comes after `fail`, and the queue does not touch the source any more. */
  fail(error: Error): void {
    this.#gone = true;
    this.#error ??= error;
    this.#give();
  }

  #give(): void {
    if (this.#wanted === undefined || (this.#given >= turnBytesMax && this.#chunks.length > 0)) return;
    const { resolve, reject } = this.#wanted;
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      if (this.#given === 0) setImmediate(this.#renew);
      this.#given += chunk.length;
      this.#hold?.read(chunk);
      resolve({ done: false, value: chunk });
    } else if (this.#error !== undefined) reject(this.#error);
    else if (this.#ended) resolve({ done: true, value: undefined });
    else {
      this.#resume();
      return;
    }
    this.#wanted = undefined;
  }

  readonly #renew = (): void => {
    this.#given = 0;
    this.#give();
  };

  #resume(): void {
    if (!this.#paused || this.#gone) return;
    this.#paused = false;
    this.#source.resume();
  }
}
