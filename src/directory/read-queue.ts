/** Runs reads one after another. Callers that ask for the same read share one that has not begun yet. */

export interface ReadQueue {
  /**
   * Runs `read` after the reads before it, or joins a waiting read with the same key. A read that has begun is not
   * joined: it may have looked before the change.
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
