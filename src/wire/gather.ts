/**
 * Joins the pieces of a body as they arrive. To join 16 MiB at the end would take 15 ms, most of it for memory that is
 * touched first.
 */

/**
 * A body of half this size or more gets memory for the largest allowed body, so it is never copied again. Memory that
 * is not touched costs nothing.
 */
const growBytesMax = 4 * 1024 * 1024;

export class Gather {
  readonly #announced: number;
  readonly #max: number;
  #bytes: Buffer | undefined;
  #size = 0;

  /**
   * `announced` is the announced size of the body, or 0 when none was announced. `max` is the size of the largest body,
   * which the caller must enforce.
   */
  constructor(announced: number, max: number) {
    this.#announced = Math.min(announced, max);
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** Appends a copy of the piece. */
  add(piece: Uint8Array): void {
    const size = this.#size + piece.length;
    let bytes = this.#bytes;
    if (bytes === undefined) bytes = Buffer.allocUnsafe(Math.max(this.#announced, size));
    else if (bytes.length < size) bytes = this.#grown(bytes, size);
    this.#bytes = bytes;
    bytes.set(piece, this.#size);
    this.#size = size;
  }

  /** A view of everything that was added. */
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
