/** Splits long work, so that the process serves others between the slices. */

/** A slice holds the event loop for so many milliseconds and one more step. */
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
