/** The waits of a start: for parts that are opened at the same time, and for a database that may be away. */

/** How long a start waits for the database, in ms. After that the ports open, and the node goes on waiting. */
const databaseWaitMs = 2_000;

type Closable = { close(): Promise<void> };

/** Waits until two parts are open. When one cannot be opened, closes the other one and throws the error. */
export async function bothOrNone<A extends Closable, B extends Closable>(
  a: Promise<A>,
  b: Promise<B>,
): Promise<[A, B]> {
  try {
    return await Promise.all([a, b]);
  } catch (error) {
    for (const opened of await Promise.allSettled([a, b])) {
      if (opened.status === "fulfilled") await opened.value.close();
    }
    throw error;
  }
}

/** Waits until `ready` resolves, at most `databaseWaitMs`. Rejects if `ready` rejects before the wait ends. */
export async function readyOrLate(ready: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, databaseWaitMs);
  });
  await Promise.race([ready, late]).finally(() => clearTimeout(timer));
}
