/** Gathers the small writes of many calls, so that one statement does many of them. */

/** Most calls that one statement serves. */
const callsMax = 64;

/**
 * Returns a function that adds a call to the next statement. `run` serves the given calls with one statement, and
 * resolves with one result for each call, in their order; when it rejects, all of its calls reject. A statement begins
 * in the turn of the event loop after its first call, and at most `statementsMax` statements run at once.
 */
export function inStatements<Call, Result>(
  statementsMax: number,
  run: (calls: readonly Call[]) => Promise<readonly Result[]>,
): (call: Call) => Promise<Result> {
  interface Waiting {
    readonly call: Call;
    resolve(result: Result): void;
    reject(error: unknown): void;
  }
  let waiting: Waiting[] = [];
  let running = 0;
  let isPlanned = false;

  function begin(): void {
    isPlanned = false;
    while (waiting.length > 0 && running < statementsMax) {
      const batch = waiting.slice(0, callsMax);
      waiting = waiting.slice(callsMax);
      running++;
      void serve(batch);
    }
  }

  async function serve(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await run(batch.map(({ call }) => call));
      for (const [i, { resolve }] of batch.entries()) resolve(results[i] as Result);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    running--;
    begin();
  }

  return (call) =>
    new Promise((resolve, reject) => {
      waiting.push({ call, resolve, reject });
      if (isPlanned || running >= statementsMax) return;
      isPlanned = true;
      setImmediate(begin);
    });
}
