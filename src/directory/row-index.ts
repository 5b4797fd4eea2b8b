/** Finds rows by a hash of 32 bits. It grows part by part, so that it never stops the process. */

const partCount = 256;
const slotsMin = 8;

interface Part {
  /** A row, or 0. A row stands at the slot that its hash names, or in the next free one after it. */
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

  /** 0 where there is none. */
  find(hash: number, matches: (row: number) => boolean): number {
    const { slots } = this.#partOf(hash);
    const last = slots.length - 1;
    for (let at = hash & last; ; at = (at + 1) & last) {
      const row = slots[at] as number;
      if (row === 0 || matches(row)) return row;
    }
  }

  add(row: number): void {
    const hash = this.#hashOf(row);
    const part = this.#partOf(hash);
    if (part.rows * 3 >= part.slots.length * 2) this.#grow(part);
    place(part.slots, hash, row);
    part.rows++;
  }

  /** Nothing, where the row is not in it. */
  remove(row: number): void {
    const hash = this.#hashOf(row);
    const part = this.#partOf(hash);
    const { slots } = part;
    const last = slots.length - 1;
    let gap = hash & last;
    for (; slots[gap] !== row; gap = (gap + 1) & last) if (slots[gap] === 0) return;
    slots[gap] = 0;
    part.rows--;
    // Rows after the gap may have been pushed there by this one.
    for (let at = (gap + 1) & last; slots[at] !== 0; at = (at + 1) & last) {
      const moved = slots[at] as number;
      slots[at] = 0;
      place(slots, this.#hashOf(moved), moved);
    }
  }

  /** Rows may be removed meanwhile. */
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
