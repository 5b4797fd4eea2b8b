/** Collects the body of a request, up to a limit. */

import type { Exchange } from "./exchange.js";

/** Why there is no body: it is over the limit, or the client went away. */
export type NoBody = "too large" | "aborted";

export class Body {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;
  #result: Buffer | NoBody | undefined;
  #wake: ((result: Buffer | NoBody) => void) | undefined;

  /** To be made in the very turn of the request: uWebSockets pushes, and keeps nothing. */
  constructor(exchange: Exchange, limit: number) {
    this.#limit = limit;
    if (Number(exchange.head.contentLength) > limit) this.#settle("too large");
    exchange.onAborted(() => this.#settle("aborted"));
    exchange.res.onData((chunk, isLast) => this.#take(chunk, isLast));
  }

  /**
   * The whole body. One over the limit is known as soon as it is announced or has come that far; the rest of it is read
   * and thrown away behind the answer, since cutting the connection would take the answer from the client.
   */
  whole(): Promise<Buffer | NoBody> {
    return new Promise((resolve) => {
      if (this.#result === undefined) this.#wake = resolve;
      else resolve(this.#result);
    });
  }

  /** Nobody will ask for it. */
  discard(): void {
    this.#settle("aborted");
  }

  #take(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.#result !== undefined) return;
    this.#size += chunk.byteLength;
    if (this.#size > this.#limit) {
      this.#settle("too large");
      return;
    }
    // The chunk is taken back when this returns.
    if (chunk.byteLength > 0) this.#chunks.push(copy(chunk));
    if (isLast) this.#settle(this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks));
  }

  #settle(result: Buffer | NoBody): void {
    if (this.#result !== undefined) return;
    this.#result = result;
    this.#chunks = [];
    this.#wake?.(result);
  }
}

function copy(chunk: ArrayBuffer): Buffer {
  const bytes = Buffer.allocUnsafe(chunk.byteLength);
  bytes.set(new Uint8Array(chunk));
  return bytes;
}
