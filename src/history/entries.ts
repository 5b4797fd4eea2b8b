/** Events in the order of their sequence numbers. They are added at the end and dropped at the beginning. */

import type { Kept } from "./history.js";

/** Fewest dropped places at the beginning of the list before the list is made shorter. */
const slackMin = 32;

export class Entries<Entry extends { readonly kept: Kept }> {
  #entries: (Entry | undefined)[] = [];
  /** The index of the first entry. The places before it are empty. */
  #head = 0;

  get length(): number {
    return this.#entries.length - this.#head;
  }

  get first(): Entry | undefined {
    return this.#entries[this.#head];
  }

  get last(): Entry | undefined {
    return this.length === 0 ? undefined : this.#entries.at(-1);
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (let at = this.#head; at < this.#entries.length; at++) yield this.#entries[at] as Entry;
  }

  /** The sequence number of the entry must be greater than those of all other entries. */
  push(entry: Entry): void {
    this.#entries.push(entry);
  }

  /** Drops the entries up to this sequence number. */
  dropThrough(sequence: number): void {
    while (this.#head < this.#entries.length && this.#sequenceAt(this.#head) <= sequence) {
      this.#entries[this.#head] = undefined;
      this.#head++;
    }
    if (this.#head < slackMin || this.#head * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  /** Returns at most `max` events with greater sequence numbers, the first ones. */
  after(sequence: number, max: number): Kept[] {
    let [low, high] = [this.#head, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sequenceAt(middle) <= sequence) low = middle + 1;
      else high = middle;
    }
    return this.#entries.slice(low, low + max).map((entry) => (entry as Entry).kept);
  }

  #sequenceAt(index: number): number {
    return (this.#entries[index] as Entry).kept.sequence;
  }
}
