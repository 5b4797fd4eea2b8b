/** The body of a request as an async iterable that makes the client wait when nobody reads. */

import type { HttpResponse } from "./uws.js";

/** Chunks that may wait unread; uWebSockets hands over at most 512 KiB at once. */
const waitingMax = 16;

export class BodyStream implements AsyncIterableIterator<Uint8Array> {
  readonly #res: HttpResponse;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #error: Error | undefined;
  #paused = false;
  #gone = false;
  #wake: (() => void) | undefined;

  /** To be made in the very turn of the request: uWebSockets pushes, and keeps nothing. */
  constructor(res: HttpResponse) {
    this.#res = res;
    res.onData((chunk, isLast) => {
      // The chunk is taken back when this returns.
      if (chunk.byteLength > 0 && !this.#ended) this.#chunks.push(new Uint8Array(chunk.slice(0)));
      if (isLast) this.#ended = true;
      else if (this.#chunks.length > waitingMax && !this.#paused) {
        this.#paused = true;
        res.pause();
      }
      this.#wake?.();
    });
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return { done: false, value: chunk };
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return { done: true, value: undefined };
      this.#resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.discard();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The client is gone, and `res` with it. */
  fail(error: Error): void {
    this.#gone = true;
    this.#error = error;
    this.#wake?.();
  }

  /** What still comes is thrown away, so that the connection can carry the next request. */
  discard(): void {
    this.#ended = true;
    this.#chunks = [];
    this.#resume();
    this.#wake?.();
  }

  #resume(): void {
    if (!this.#paused || this.#gone) return;
    this.#paused = false;
    this.#res.resume();
  }
}
