/**
 * Rows of bytes outside the heap, each known by a number that is never 0. A million objects would stop the process while
 * its garbage is collected; bytes are not looked at.
 */

/** A row begins at a multiple of it. */
const unitBytes = 32;
const unitsPerChunk = 32_768;

export class RowStore {
  readonly #chunks: Buffer[] = [];
  /** Places that were left, by their size in units. */
  readonly #free: number[][] = [];
  /** The first unit that was never used. */
  #next = 1;

  /** At most a chunk, 1 MiB. */
  add(bytes: Uint8Array): number {
    const units = unitsOf(bytes.length);
    const row = this.#free[units]?.pop() ?? this.#append(units);
    this.bytes(row, bytes.length).set(bytes);
    return row;
  }

  /** `length`: as it was added. */
  remove(row: number, length: number): void {
    const units = unitsOf(length);
    this.#free[units] ??= [];
    this.#free[units].push(row);
  }

  /** The row itself, from its begin. */
  bytes(row: number, length: number): Buffer {
    const from = (row % unitsPerChunk) * unitBytes;
    return this.chunk(row).subarray(from, from + length);
  }

  /** For reading single fields without making a view: the row begins at `offset`. */
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
    // What is allocated is not yet memory: the kernel gives a page when it is first written.
    while (this.#chunks.length * unitsPerChunk <= row) this.#chunks.push(Buffer.alloc(unitsPerChunk * unitBytes));
    return row;
  }
}

function unitsOf(bytes: number): number {
  return Math.ceil(bytes / unitBytes);
}
