/** The frames that wait for who iterates over a connection. The queue has limits; the connection sees that they hold. */

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
  /** Called when the last frame was taken. */
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

  /** Whether a frame of so many characters fits. Any frame fits into an empty queue. */
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

  /** Ends the queue after the frames in it: with the error, or quietly without one. */
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
    // To remove each place at once would move all the others each time.
    if (this.#next * 2 >= this.#waiting.length) {
      this.#waiting.splice(0, this.#next);
      this.#next = 0;
    }
    if (this.isEmpty) this.#onEmpty();
    return Promise.resolve({ done: false, value: first.frame });
  }

  /** The error is thrown once; later calls find a quiet end. */
  #tellEnd({ resolve, reject }: Waiter<T>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) resolve({ done: true, value: undefined });
    else reject(error);
  }
}
