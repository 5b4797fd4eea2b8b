/**
 * Joins the pieces of a body into one buffer, each piece when it arrives. To join 16 MiB at the end would take 15 ms at
 * once, most of it because new memory is slow when it is first written.
 */

/**
 * When a body outgrows its memory and is larger than half this size, in bytes, it gets memory for the largest allowed
 * body, so that it is never copied again. Memory that nobody has written to costs nothing.
 */
const growBytesMax = 4 * 1024 * 1024;

export class Gather {
  readonly #announced: number;
  readonly #max: number;
  #bytes: Buffer | undefined;
  #size = 0;

  /**
   * `announced` is the size of the body in bytes as the sender announced it, or 0 when the sender announced none. `max`
   * is the size of the largest body. The caller must refuse larger bodies.
   */
  constructor(announced: number, max: number) {
    this.#announced = Math.min(announced, max);
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** Appends a copy of the piece to the body. */
  add(piece: Uint8Array): void {
    const size = this.#size + piece.length;
    let bytes = this.#bytes;
    if (bytes === undefined) bytes = Buffer.allocUnsafe(Math.max(this.#announced, size));
    else if (bytes.length < size) bytes = this.#grown(bytes, size);
    this.#bytes = bytes;
    bytes.set(piece, this.#size);
    this.#size = size;
  }

  /** Returns all bytes that were added, as a view without a copy. */
  whole(): Buffer {
    return this.#bytes?.subarray(0, this.#size) ?? Buffer.alloc(0);
  }

  #grown(before: Buffer, size: number): Buffer {
    const length = size * 2 > growBytesMax ? Math.max(size, this.#max) : size * 2;
    const bytes = Buffer.allocUnsafe(length);
    bytes.set(before.subarray(0, this.#size), 0);
    return bytes;
  }
}
