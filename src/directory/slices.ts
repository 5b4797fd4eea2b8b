/** Splits long work into slices, so that the process serves others in between. */

/** How long a slice may hold the event loop, in milliseconds. The step in which the time runs out still ends. */
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
