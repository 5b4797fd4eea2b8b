/** Long work on bytes in slices between the turns of the event loop, so that no message keeps all others waiting. */

/** Work that can stop anywhere. */
export interface Sliceable {
  /** Goes on for about so many bytes; true when it is done. */
  run(bytesMax: number): boolean;
}

/** Up to here work is done at once. The slowest takes 10 ms a megabyte. */
export const sliceBytes = 128 * 1024;
/** What all long work together gets of a turn, in milliseconds. */
const turnMs = 3;

interface Job {
  readonly work: Sliceable;
  resolve(): void;
  reject(error: unknown): void;
}

/** Each gets a slice before the first gets its next. */
const jobs: Job[] = [];

/** Undefined when it was done at once, which it is below 128 KiB. Throws or rejects with what `run` throws. */
export function inSlices(work: Sliceable): Promise<void> | undefined {
  if (work.run(sliceBytes)) return undefined;
  return new Promise((resolve, reject) => {
    if (jobs.push({ work, resolve, reject }) === 1) setImmediate(turn);
  });
}

/** What `next` makes of work that may be done already: at once then. */
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
 * Counts the time that one turn has spent on what can wait. A clock that is read on a busy machine only makes the
 * pauses come earlier.
 */
export class TurnClock {
  #until = 0;
  readonly #renew = (): void => {
    this.#until = 0;
  };

  /** Whether work that takes about `ms` must go on in another turn (see `nextTurn`). The first in a turn never must. */
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
