/**
 * Runs work that many callers may ask for at once: one bounded piece at a time, and never two pieces in one turn of the
 * event loop.
 */

export interface Turns {
  /** Runs the pieces in the order in which they were asked for. */
  take<T>(work: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return {
    take(work) {
      const result = last.then(nextTurn).then(work);
      last = result.catch(() => {});
      return result;
    },
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
