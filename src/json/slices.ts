/**
 * Does long work on bytes in slices. Between two slices the event loop does other work, so no large message keeps all
 * other work waiting.
 */

/** Long work that can stop at any byte and go on later. */
export interface Sliceable {
  /** Goes on with the work for about `bytesMax` bytes. Returns true when the work is done. Throws when it has failed. */
  run(bytesMax: number): boolean;
}

/**
 * The size of a slice of long work, in bytes. Work up to this size is done at once. The slowest work takes 10 ms a
 * megabyte.
 */
export const sliceBytes = 128 * 1024;
/**
 * Longest time that one turn of the event loop may spend on long work, in milliseconds: on the slices of all jobs
 * together.
 */
const turnMs = 3;

interface Job {
  readonly work: Sliceable;
  resolve(): void;
  reject(error: unknown): void;
}

/** The work that waits for a slice. Each job gets one slice before the first job gets another. */
const jobs: Job[] = [];

/**
 * Does work in slices. Returns undefined when the first slice has finished the work, as with work up to 128 KiB.
 * Otherwise returns a promise. Throws or rejects with the error of `run`.
 */
export function inSlices(work: Sliceable): Promise<void> | undefined {
  if (work.run(sliceBytes)) return undefined;
  return new Promise((resolve, reject) => {
    if (jobs.push({ work, resolve, reject }) === 1) setImmediate(turn);
  });
}

/**
 * Calls `next` after the promise `done` has resolved. Calls `next` at once when `done` is undefined, because the work
 * is then done already.
 */
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
 * Says when work that can wait must pause until the next turn of the event loop: 3 ms after the first such work of the
 * turn. The clock measures the time that passes and not this work alone, so other work and other processes count too.
 * That only makes the pause come earlier.
 */
export class TurnClock {
  #until = 0;
  readonly #renew = (): void => {
    this.#until = 0;
  };

  /**
   * Whether work that takes about `ms` milliseconds must wait for another turn of the event loop; see `nextTurn`. The
   * first work of a turn of the event loop never has to wait.
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
