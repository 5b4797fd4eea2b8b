/** Takes the next requests of a stream while the answers to earlier ones are awaited; answers come in order all the same. */

/** Enough to hide the round trip to the bus behind the work on further batches. */
export const inFlightMax = 8;

interface Answer<R> {
  readonly promise: Promise<R>;
  settled: boolean;
}

/** `work` is called in the order of the requests. A failure, theirs or its own, ends the answers behind those before it. */
export async function* pipeline<T, R>(
  requests: AsyncIterable<T>,
  work: (request: T) => R | Promise<R>,
): AsyncGenerator<R> {
  const iterator = requests[Symbol.asyncIterator]();
  const answers: Answer<R>[] = [];
  let reading: Promise<void> | undefined;
  let ended = false;

  async function read(): Promise<void> {
    try {
      const request = await iterator.next();
      if (request.done) ended = true;
      else answers.push(watch(work(request.value)));
    } catch (error) {
      ended = true;
      answers.push(watch(Promise.reject<R>(error)));
    }
    reading = undefined;
  }

  try {
    for (;;) {
      if (!ended && answers.length < inFlightMax) reading ??= read();
      const [first] = answers;
      if (first === undefined) {
        if (reading === undefined) return;
        await reading;
      } else if (first.settled || reading === undefined) {
        answers.shift();
        yield await first.promise;
      } else await Promise.race([first.promise.catch(() => {}), reading]);
    }
  } finally {
    // Not awaited: a request may be, and whoever ends the answers ends the requests too.
    iterator.return?.().catch(() => {});
  }
}

function watch<R>(answer: R | Promise<R>): Answer<R> {
  if (!(answer instanceof Promise)) return { promise: Promise.resolve(answer), settled: true };
  const watched: Answer<R> = { promise: answer, settled: false };
  const settle = (): void => {
    watched.settled = true;
  };
  answer.then(settle, settle);
  return watched;
}
