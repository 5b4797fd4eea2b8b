/** The pieces of a body between a source that pushes them and a reader that pulls: an async iterator with a bound. */

import { AppError } from "../domain/errors.js";
import type { BodyHold } from "./body-budget.js";

/** Pieces that may wait unread; a source hands over at most some hundred KiB at once. */
const waitingMax = 16;
/** What a reader gets in one turn of the event loop: to copy 16 MiB takes 10 ms. */
export const turnBytesMax = 1024 * 1024;

export interface PausableSource {
  pause(): unknown;
  resume(): unknown;
}

interface Wanted {
  resolve(result: IteratorResult<Uint8Array>): void;
  reject(error: Error): void;
}

/** Pauses its source when nobody reads, or when a turn has brought enough. */
export class ByteQueue implements AsyncIterableIterator<Uint8Array> {
  readonly #source: PausableSource;
  readonly #hold: BodyHold | undefined;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #error: Error | undefined;
  /** Its source may not be touched. */
  #gone = false;
  #paused = false;
  #wanted: Wanted | undefined;
  /** What the reader got in this turn. */
  #given = 0;

  /** `hold` counts what was pushed, and is released by whoever opened it. */
  constructor(source: PausableSource, hold?: BodyHold) {
    this.#source = source;
    this.#hold = hold;
  }

  /** Nothing is taken any more. */
  get ended(): boolean {
    return this.#ended;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** One at a time. Rejects when the body breaks off. */
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

  /** What still comes is thrown away, so that the connection can carry the next request. */
  discard(): void {
    this.#chunks = [];
    this.end();
    this.#resume();
  }

  /** What comes after the end is thrown away. Where there is no room for a chunk, the body ends with OVERLOADED. */
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
      // The next request comes on the same connection.
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

  /** Nothing comes any more, and the source may not be touched. */
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
