/**
 * Keeps rows of bytes outside JavaScript's heap. Each row has a number, which is never 0. The garbage collector does
 * not search these bytes. A million objects in their place would stop the process at each collection.
 */

/** A row begins at a multiple of this many bytes. */
const unitBytes = 32;
const unitsPerChunk = 32_768;

export class RowStore {
  readonly #chunks: Buffer[] = [];
  /**
   * The numbers of removed rows, by size in units. A new row of the same size takes the place and the number of one of
   * them.
   */
  readonly #free: number[][] = [];
  /** The number of the first unit that no row has ever used. */
  #next = 1;

  /** Adds a row of at most 1 MiB, and returns the number of the row. */
  add(bytes: Uint8Array): number {
    const units = unitsOf(bytes.length);
    const row = this.#free[units]?.pop() ?? this.#append(units);
    this.bytes(row, bytes.length).set(bytes);
    return row;
  }

  /**
   * Removes a row. `length` must be the length in bytes with which the row was added. A later row may get the same
   * number.
   */
  remove(row: number, length: number): void {
    const units = unitsOf(length);
    this.#free[units] ??= [];
    this.#free[units].push(row);
  }

  /** The first `length` bytes of a row. They are a view and no copy, so writing to them changes the row. */
  bytes(row: number, length: number): Buffer {
    const from = (row % unitsPerChunk) * unitBytes;
    return this.chunk(row).subarray(from, from + length);
  }

  /** The buffer that contains the row. With `offset`, a caller reads single fields without making a view of the row. */
  chunk(row: number): Buffer {
    return this.#chunks[Math.floor(row / unitsPerChunk)] as Buffer;
  }

  /** Where the row begins in the buffer that `chunk` returns, in bytes. */
  offset(row: number): number {
    return (row % unitsPerChunk) * unitBytes;
  }

  #append(units: number): number {
    const left = unitsPerChunk - (this.#next % unitsPerChunk);
    if (units > left) this.#next += left;
    const row = this.#next;
    this.#next += units;
    // A new buffer takes addresses but no memory: the kernel gives a page of memory when the page is first written.
    while (this.#chunks.length * unitsPerChunk <= row) this.#chunks.push(Buffer.alloc(unitsPerChunk * unitBytes));
    return row;
  }
}

function unitsOf(bytes: number): number {
  return Math.ceil(bytes / unitBytes);
}
