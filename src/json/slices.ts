/**
 * Does long work on bytes in slices, between the turns of the event loop, so that no message keeps all others waiting.
 */

/** Work that can stop at any byte and go on later. */
export interface Sliceable {
  /** Goes on for about `bytesMax` bytes. True when the work is done. */
  run(bytesMax: number): boolean;
}

/** The size of a slice. Work up to this size is done at once; the slowest work takes 10 ms a megabyte. */
export const sliceBytes = 128 * 1024;
/** How long all long work together may hold one turn, in milliseconds. */
const turnMs = 3;

interface Job {
  readonly work: Sliceable;
  resolve(): void;
  reject(error: unknown): void;
}

/** The waiting work. Each job gets a slice before the first job gets its next one. */
const jobs: Job[] = [];

/** Undefined when the work was done at once, as work below 128 KiB is. Throws or rejects with the error of `run`. */
export function inSlices(work: Sliceable): Promise<void> | undefined {
  if (work.run(sliceBytes)) return undefined;
  return new Promise((resolve, reject) => {
    if (jobs.push({ work, resolve, reject }) === 1) setImmediate(turn);
  });
}

/** Calls `next` when the work is done: at once when it is done already. */
export function afterwards<T>(done: Promise<void> | undefined, next: () => T): T | Promise<T> {
  return done === undefined ? next() : done.then(next);
}

function turn(): void {
  const until = performance.now() + turnMs;
  do {
    const job = jobs.shift();
    if (job === undefined) return;
    try {
      if (job.work.run(sliceBytes)) job.resolve();
      else jobs.push(job);
    } catch (error) {
      job.reject(error);
    }
  } while (performance.now() < until);
  if (jobs.length > 0) setImmediate(turn);
}

/**
 * Measures how long one turn has spent on work that can wait. On a busy machine it also counts the time of other
 * processes, so the work only pauses earlier.
 */
export class TurnClock {
  #until = 0;
  readonly #renew = (): void => {
    this.#until = 0;
  };

  /**
   * Whether work that takes about `ms` must go on in another turn; see `nextTurn`. The first work of a turn never must.
   */
  isOver(ms: number): boolean {
    const now = performance.now();
    if (this.#until === 0) {
      this.#until = now + turnMs;
      setImmediate(this.#renew);
      return false;
    }
    return now + ms >= this.#until;
  }
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
