/** Runs reads of the database one after another. Callers that ask for the same read share it while it has not begun. */

export interface ReadQueue {
  /**
   * Runs `read` after all reads that were added earlier, also when one of them failed. When a read with the same `key`
   * is still waiting, returns the promise of that read instead, and never calls `read`. A read that has begun is never
   * shared, because it may have looked before the caller's change.
   */
  add(key: string, read: () => Promise<void>): Promise<void>;
}

export function createReadQueue(): ReadQueue {
  const waiting = new Map<string, Promise<void>>();
  let last: Promise<void> = Promise.resolve();

  return {
    add(key, read) {
      const joined = waiting.get(key);
      if (joined !== undefined) return joined;
      const added = last.then(() => {
        waiting.delete(key);
        return read();
      });
      waiting.set(key, added);
      last = added.catch(() => {});
      return added;
    },
  };
}
