/** The positions of the events in a frame log, by the offset of their frames. */

/** Fewest forgotten places at the beginning of the list before the list is made shorter. */
const slackMin = 64;

export interface Place {
  readonly offset: number;
  /** Undefined for an event without a position. */
  readonly position: string | undefined;
}

export class Places {
  #places: Place[] = [];
  /** The index of the first place that is not forgotten. */
  #head = 0;

  /** Notes the position of an event. Its offset must be greater than all before. */
  add(offset: number, position: string | undefined): void {
    this.#places.push({ offset, position });
  }

  /** Returns the place of the last event before an offset. Undefined when there is none, or when it is forgotten. */
  before(offset: number): Place | undefined {
    let [low, high] = [this.#head, this.#places.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#places[middle] as Place).offset < offset) low = middle + 1;
      else high = middle;
    }
    return low === this.#head ? undefined : this.#places[low - 1];
  }

  /** Forgets what is not needed to answer `before` for this offset and all later ones. */
  forgetBefore(offset: number): void {
    while (this.#head + 1 < this.#places.length && (this.#places[this.#head + 1] as Place).offset < offset)
      this.#head++;
    if (this.#head < slackMin || this.#head * 2 < this.#places.length) return;
    this.#places = this.#places.slice(this.#head);
    this.#head = 0;
  }
}
