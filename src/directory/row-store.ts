/**
 * Rows of bytes outside the heap. Each row is known by a number that is never 0. The garbage collector does not look at
 * bytes; a million objects would stop the process at each collection.
 */

/** A row begins at a multiple of this many bytes. */
const unitBytes = 32;
const unitsPerChunk = 32_768;

export class RowStore {
  readonly #chunks: Buffer[] = [];
  /** Places of removed rows, by their size in units. */
  readonly #free: number[][] = [];
  /** The first unit that was never used. */
  #next = 1;

  /** Adds a row of at most one chunk, 1 MiB, and returns its number. */
  add(bytes: Uint8Array): number {
    const units = unitsOf(bytes.length);
    const row = this.#free[units]?.pop() ?? this.#append(units);
    this.bytes(row, bytes.length).set(bytes);
    return row;
  }

  /** Removes a row. `length` must be that with which it was added. */
  remove(row: number, length: number): void {
    const units = unitsOf(length);
    this.#free[units] ??= [];
    this.#free[units].push(row);
  }

  /** The bytes of the row, not a copy. */
  bytes(row: number, length: number): Buffer {
    const from = (row % unitsPerChunk) * unitBytes;
    return this.chunk(row).subarray(from, from + length);
  }

  /** Where the row begins in its chunk, for reading single fields without making a view. */
  chunk(row: number): Buffer {
    return this.#chunks[Math.floor(row / unitsPerChunk)] as Buffer;
  }

  offset(row: number): number {
    return (row % unitsPerChunk) * unitBytes;
  }

  #append(units: number): number {
    const left = unitsPerChunk - (this.#next % unitsPerChunk);
    if (units > left) this.#next += left;
    const row = this.#next;
    this.#next += units;
    // This reserves addresses and no memory: the kernel gives a page when it is first written.
    while (this.#chunks.length * unitsPerChunk <= row) this.#chunks.push(Buffer.alloc(unitsPerChunk * unitBytes));
    return row;
  }
}

function unitsOf(bytes: number): number {
  return Math.ceil(bytes / unitBytes);
}
