/**
 * Splits long work, such as a walk through all instances, into slices. Between two slices the process can do other
 * work.
 */

/**
 * How long one slice of long work may hold the event loop, in milliseconds. A step of the work that is running when the
 * slice is over is still finished.
 */
const sliceMs = 5;

export class Slices {
  #begun = performance.now();

  get over(): boolean {
    return performance.now() - this.#begun >= sliceMs;
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#begun = performance.now();
        resolve();
      });
    });
  }
}
