/** A queue with a bound between a source that pushes the pieces of a body and a reader that pulls them. */

import { AppError } from "../domain/errors.js";
import type { BodyHold } from "./body-budget.js";

/** Most pieces that wait unread. A source hands over at most some hundred KiB at once. */
const waitingMax = 16;
/** Most bytes that a reader gets in one turn of the event loop. To copy 16 MiB takes 10 ms. */
export const turnBytesMax = 1024 * 1024;

export interface PausableSource {
  pause(): unknown;
  resume(): unknown;
}

interface Wanted {
  resolve(result: IteratorResult<Uint8Array>): void;
  reject(error: Error): void;
}

/** Pauses its source when nobody reads, or when one turn has brought enough. */
export class ByteQueue implements AsyncIterableIterator<Uint8Array> {
  readonly #source: PausableSource;
  readonly #hold: BodyHold | undefined;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #error: Error | undefined;
  /** True when the source may not be touched any more. */
  #gone = false;
  #paused = false;
  #wanted: Wanted | undefined;
  /** The bytes that the reader got in this turn. */
  #given = 0;

  /** `hold` counts the pushed bytes. The caller that opened it must release it. */
  constructor(source: PausableSource, hold?: BodyHold) {
    this.#source = source;
    this.#hold = hold;
  }

  /** Whether the queue accepts no more pieces. */
  get ended(): boolean {
    return this.#ended;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next piece. Call it again only after it has settled. Rejects when the body breaks off. */
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
   * Adds a piece. Pieces after the end are thrown away. When there is no room for a piece, the body ends with
   * OVERLOADED.
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
      // Resume now, because the next request comes on the same connection.
      this.#resume();
    } else if ((this.#chunks.length > waitingMax || this.#given >= turnBytesMax) && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
    this.#give();
  }

  end(): void {
    this.#ended = true;
    this.#give();
  }

  /** Ends the body with an error. No more pieces come, and the source may not be touched any more. */
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
