/**
 * The body of a request to a Node.js server as an async iterator. Node's own reads through an async generator and, over
 * HTTP/2, a second stream, which costs a stream of event batches more than publishing them.
 */

import type { IncomingMessage } from "node:http";
import type { Http2Stream } from "node:http2";

/** Chunks that may wait unread, of 64 KiB at most. */
const waitingMax = 16;

interface Wanted {
  resolve(result: IteratorResult<Uint8Array>): void;
  reject(error: Error): void;
}

/** Listens from the first `next` on: until then the request can be refused unread. */
export class NodeBody implements AsyncIterableIterator<Uint8Array> {
  readonly #source: IncomingMessage | Http2Stream;
  readonly #chunks: Uint8Array[] = [];
  #listening = false;
  #paused = false;
  #ended = false;
  #error: Error | undefined;
  #wanted: Wanted | undefined;

  constructor(source: IncomingMessage | Http2Stream) {
    this.#source = source;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** One at a time. Rejects when the body breaks off. */
  next(): Promise<IteratorResult<Uint8Array>> {
    return new Promise((resolve, reject) => {
      this.#wanted = { resolve, reject };
      this.#listen();
      this.#give();
    });
  }

  /** What still comes is thrown away; the source stays open for the answer. */
  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#ended = true;
    this.#chunks.length = 0;
    this.#source.off("data", this.#onData);
    if (this.#listening) this.#source.resume();
    return { done: true, value: undefined };
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    const source = this.#source;
    if (source.destroyed) this.#onClose();
    source.on("data", this.#onData);
    source.once("end", this.#onEnd);
    source.once("error", this.#onError);
    source.once("close", this.#onClose);
  }

  #give(): void {
    if (this.#wanted === undefined) return;
    const { resolve, reject } = this.#wanted;
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) resolve({ done: false, value: chunk });
    else if (this.#error !== undefined) reject(this.#error);
    else if (this.#ended) resolve({ done: true, value: undefined });
    else {
      this.#resume();
      return;
    }
    this.#wanted = undefined;
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#source.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    if (this.#chunks.length > waitingMax && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
    this.#give();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#give();
  };

  readonly #onError = (error: Error): void => {
    this.#error ??= error;
    this.#give();
  };

  readonly #onClose = (): void => {
    if (!this.#ended) this.#onError(new Error("the body broke off"));
  };
}
