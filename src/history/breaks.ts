/**
 * The last breaks of the journal. A position from before a break is refused, and the consumer must be told since when events may be
 * missing: also events that a node had accepted long before the position, and could not put into the journal.
 */

interface Break {
  readonly sequence: number;
  readonly from: number;
}

/** How many breaks are kept. Of two older ones, only the earlier time is. */
const breaksMax = 100;

export class Breaks {
  readonly #breaks: Break[] = [];

  /** Notes a break. `from`: since when events may be missing. Does nothing when the break is known already. */
  add(sequence: number, from: number): void {
    if (sequence <= (this.#breaks.at(-1)?.sequence ?? 0)) return;
    this.#breaks.push({ sequence, from });
    if (this.#breaks.length <= breaksMax) return;
    const [first, second] = this.#breaks.splice(0, 2) as [Break, Break];
    this.#breaks.unshift({ sequence: second.sequence, from: Math.min(first.from, second.from) });
  }

  /** Since when events may be missing after a sequence number, in milliseconds since 1970. Infinity when no break came after it. */
  since(sequence: number): number {
    const times = this.#breaks.filter((one) => one.sequence > sequence).map(({ from }) => from);
    return Math.min(Number.POSITIVE_INFINITY, ...times);
  }

  clear(): void {
    this.#breaks.length = 0;
  }
}
