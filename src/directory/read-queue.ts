/** Runs reads one after another; one that waits stands for all that ask for the same. */

export interface ReadQueue {
  /** A read that has begun is not joined: it may have looked before the change. */
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
