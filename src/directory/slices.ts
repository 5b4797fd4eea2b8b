/**
 * Splits long work, such as a walk through all instances, into slices. The work itself asks after each step whether its
 * slice is over. Between two slices the process can do other work.
 */

/**
 * How long one slice of long work holds the event loop, in milliseconds. The step that runs when this time ends is
 * still finished.
 */
const sliceMs = 5;

export class Slices {
  #begun = performance.now();

  /** Whether the slice has lasted its time. Then the work should wait for `next`. */
  get over(): boolean {
    return performance.now() - this.#begun >= sliceMs;
  }

  /** Resolves in a later turn of the event loop, and begins the next slice there. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#begun = performance.now();
        resolve();
      });
    });
  }
}
