/**
 * Finds rows by a hash of 32 bits. The index consists of parts that grow separately, so that growing never stops the
 * process for long.
 */

const partCount = 256;
const slotsMin = 8;

interface Part {
  /**
   * Numbers of rows; 0 marks an empty slot. A row is in the slot that its hash gives, or in the next free slot after
   * that one.
   */
  slots: Int32Array;
  rows: number;
}

export class RowIndex {
  readonly #parts: readonly Part[];
  readonly #hashOf: (row: number) => number;

  constructor(hashOf: (row: number) => number) {
    this.#hashOf = hashOf;
    this.#parts = Array.from({ length: partCount }, () => ({ slots: new Int32Array(slotsMin), rows: 0 }));
  }

  /**
   * The number of the row that `matches`, among the rows that may have this hash. 0 when there is none. `matches` is
   * also called for rows with other hashes, so it must compare the whole key.
   */
  find(hash: number, matches: (row: number) => boolean): number {
    const { slots } = this.#partOf(hash);
    const last = slots.length - 1;
    for (let at = hash & last; ; at = (at + 1) & last) {
      const row = slots[at] as number;
      if (row === 0 || matches(row)) return row;
    }
  }

  /** Adds a row that is not in the index. */
  add(row: number): void {
    const hash = this.#hashOf(row);
    const part = this.#partOf(hash);
    if (part.rows * 3 >= part.slots.length * 2) this.#grow(part);
    place(part.slots, hash, row);
    part.rows++;
  }

  /** Removes a row. Does nothing when the row is not in the index. */
  remove(row: number): void {
    const hash = this.#hashOf(row);
    const part = this.#partOf(hash);
    const { slots } = part;
    const last = slots.length - 1;
    let gap = hash & last;
    for (; slots[gap] !== row; gap = (gap + 1) & last) if (slots[gap] === 0) return;
    slots[gap] = 0;
    part.rows--;
    // The rows after the gap may have been pushed there by the removed row, so they are placed anew.
    for (let at = (gap + 1) & last; slots[at] !== 0; at = (at + 1) & last) {
      const moved = slots[at] as number;
      slots[at] = 0;
      place(slots, this.#hashOf(moved), moved);
    }
  }

  /**
   * The numbers of all rows. The caller may remove rows while it walks through them. A row that is removed meanwhile
   * may still be yielded.
   */
  *rows(): Generator<number> {
    for (const { slots } of this.#parts) for (const row of slots.slice()) if (row !== 0) yield row;
  }

  #partOf(hash: number): Part {
    return this.#parts[hash >>> 24] as Part;
  }

  #grow(part: Part): void {
    const old = part.slots;
    part.slots = new Int32Array(old.length * 2);
    for (const row of old) if (row !== 0) place(part.slots, this.#hashOf(row), row);
  }
}

function place(slots: Int32Array, hash: number, row: number): void {
  const last = slots.length - 1;
  let at = hash & last;
  while (slots[at] !== 0) at = (at + 1) & last;
  slots[at] = row;
}
