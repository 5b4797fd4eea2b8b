/** Joins the parts of a frame. A part is bytes, which are copied, or raw media, which is encoded as base64. */

import type { Frame } from "./frame.js";

export type Part = Uint8Array | Base64;

/** Raw media that is encoded as base64 directly into a frame. */
export class Base64 {
  /**
   * How many raw bytes are encoded at a time: a multiple of three, so that padding stands only at the end. Short texts
   * cost the garbage collector little.
   */
  static readonly #step = 24 * 1024;
  readonly #bytes: Buffer;
  /** The length of the base64 text with its padding, in bytes. */
  readonly length: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.length = 4 * Math.ceil(bytes.length / 3);
  }

  writeTo(frame: Frame, at: number): void {
    for (let from = 0; from < this.#bytes.length; from += Base64.#step) {
      at += frame.write(this.#bytes.toString("base64", from, from + Base64.#step), at, "latin1");
    }
  }
}

/**
 * Joins parts into one frame. A frame below 4 KiB lies in Node.js's buffer pool, because memory of its own costs 0.9
 * µs, as much as the rest of the work.
 */
export function join(parts: readonly Part[]): Frame {
  let length = 0;
  for (const part of parts) length += part.length;
  const frame = Buffer.allocUnsafe(length);
  let at = 0;
  for (const part of parts) {
    if (part instanceof Base64) part.writeTo(frame, at);
    else frame.set(part, at);
    at += part.length;
  }
  return frame;
}
