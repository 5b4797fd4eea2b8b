/** Joins the pieces of a body as they come: joining 16 MiB at its end takes 15 ms, most of it for memory seen first. */

/** From here on memory for the largest body is reserved, so that nothing larger is ever copied. Untouched, it costs nothing. */
const growBytesMax = 4 * 1024 * 1024;

export class Gather {
  readonly #announced: number;
  readonly #max: number;
  #bytes: Buffer | undefined;
  #size = 0;

  /** `announced`: what the body is said to be, 0 when nothing was said. `max`: no body is larger, as its reader sees to. */
  constructor(announced: number, max: number) {
    this.#announced = Math.min(announced, max);
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** Copies the piece. */
  add(piece: Uint8Array): void {
    const size = this.#size + piece.length;
    let bytes = this.#bytes;
    if (bytes === undefined) bytes = Buffer.allocUnsafe(Math.max(this.#announced, size));
    else if (bytes.length < size) bytes = this.#grown(bytes, size);
    this.#bytes = bytes;
    bytes.set(piece, this.#size);
    this.#size = size;
  }

  /** A view of what came. */
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
