/** Splits long work into slices, so that the process can do other work between two slices. */

/**
 * How long a slice may hold the event loop, in milliseconds. A step that is running when this time is over is still
 * finished.
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
