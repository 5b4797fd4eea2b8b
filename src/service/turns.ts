/**
 * Runs pieces of work that many callers may ask for at once, one piece after another. Each piece begins in a new turn
 * of the event loop.
 */

export interface Turns {
  /**
   * Runs `work` after all work that was asked for earlier, also when some of that failed. Resolves or rejects as `work`
   * does.
   */
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
