/** Work that many may ask for at once, done a bounded amount at a time, and never two pieces in one turn of the event loop. */

export interface Turns {
  /** In the order of asking. */
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
