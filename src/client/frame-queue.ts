/** The frames that wait for a loop over a connection. The connection asks `fits` before it adds a frame. */

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: Error) => void;
}

export interface QueueLimits {
  readonly frames: number;
  readonly characters: number;
}

export class FrameQueue<T> {
  readonly #limits: QueueLimits;
  /** Called when a reader has taken the last frame of the queue. */
  readonly #onEmpty: () => void;
  #waiting: { readonly frame: T; readonly characters: number }[] = [];
  /** The index of the next frame in `#waiting`. The frames before it were taken. */
  #next = 0;
  #characters = 0;
  #readers: Waiter<T>[] = [];
  #ended = false;
  #error: Error | undefined;

  constructor(limits: QueueLimits, onEmpty: () => void) {
    this.#limits = limits;
    this.#onEmpty = onEmpty;
  }

  get isEmpty(): boolean {
    return this.#next === this.#waiting.length;
  }

  /** Returns whether a frame of this length fits. An empty queue takes a frame of any length. */
  fits(characters: number): boolean {
    if (this.isEmpty) return true;
    return (
      this.#waiting.length - this.#next < this.#limits.frames &&
      this.#characters + characters <= this.#limits.characters
    );
  }

  push(frame: T, characters: number): void {
    if (this.#ended) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) reader.resolve({ done: false, value: frame });
    else {
      this.#waiting.push({ frame, characters });
      this.#characters += characters;
    }
  }

  /** Ends the queue. A reader gets the remaining frames, and then the error, or the end when `error` is undefined. */
  end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    const [first, ...others] = this.#readers.splice(0);
    if (first !== undefined) this.#tellEnd(first);
    for (const reader of others) reader.resolve({ done: true, value: undefined });
  }

  /** Drops the frames that wait. */
  clear(): void {
    this.#waiting = [];
    this.#next = 0;
    this.#characters = 0;
  }

  take(): Promise<IteratorResult<T, undefined>> {
    const first = this.#waiting[this.#next];
    if (first === undefined)
      return new Promise((resolve, reject) => {
        if (this.#ended) this.#tellEnd({ resolve, reject });
        else this.#readers.push({ resolve, reject });
      });
    this.#next++;
    this.#characters -= first.characters;
    // Removing one place moves all places after it, so half of the array is removed at once.
    if (this.#next * 2 >= this.#waiting.length) {
      this.#waiting.splice(0, this.#next);
      this.#next = 0;
    }
    if (this.isEmpty) this.#onEmpty();
    return Promise.resolve({ done: false, value: first.frame });
  }

  /** Tells one reader the error. Later readers are told the end without an error, as iterators do. */
  #tellEnd({ resolve, reject }: Waiter<T>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) resolve({ done: true, value: undefined });
    else reject(error);
  }
}
