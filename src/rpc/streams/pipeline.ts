/**
 * Takes further requests of a stream while earlier requests still wait for their answers. The answers keep the order of
 * the requests.
 */

import type { StreamCall } from "../api.js";

/**
 * Most requests of a stream that may be unanswered at once. So many are enough to fill the time of a round trip to the
 * bus with other work.
 */
export const inFlightMax = 8;

/**
 * Reads the next group of requests of a stream; the group may be empty. Resolves with undefined after the last request.
 */
export type Read<T> = () => Promise<Iterable<T> | undefined>;

interface Answer<R> {
  settled: boolean;
  value?: R;
  failed?: { readonly error: unknown };
}

interface Waiting<R> {
  resolve(result: IteratorResult<R[]>): void;
  reject(error: unknown): void;
}

/**
 * Iterates over the answers of a stream. One step returns all answers that are ready, because each step costs as much
 * as a batch. The pipeline reads requests only while its caller waits for an answer. A failure of a request or an
 * answer comes after all earlier answers.
 */
export class Pipeline<T, R> implements AsyncIterableIterator<R[]> {
  readonly #call: StreamCall<T, R>;
  readonly #read: Read<T>;
  #requests: Iterator<T> | undefined;
  #reading = false;
  /** True when the pipeline reads no more requests. */
  #ended = false;
  /** True when `complete` or `fail` of the call was called. */
  #over = false;
  /** The answers that the caller has not got yet, in the order of the requests. */
  readonly #answers: Answer<R>[] = [];
  #unsettled = 0;
  #waiting: Waiting<R> | undefined;

  constructor(call: StreamCall<T, R>, read: Read<T>) {
    this.#call = call;
    this.#read = read;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<R[]>> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#advance();
    });
  }

  /**
   * Reads no more requests. The requests so far are answered, then the iteration ends. When `failure` is given, the
   * iteration ends with this error. A second call does nothing.
   */
  end(failure?: unknown): void {
    this.#endWith(failure);
    this.#advance();
  }

  /** Ends the iteration when the caller wants no more answers. Answers that wait are dropped. */
  async return(): Promise<IteratorResult<R[]>> {
    this.#ended = true;
    this.#answers.length = 0;
    return { done: true, value: undefined };
  }

  #endWith(failure: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (failure !== undefined) this.#answers.push({ settled: true, failed: { error: failure } });
  }

  #advance(): void {
    if (this.#waiting === undefined) return;
    this.#take();
    this.#give(this.#waiting);
  }

  #take(): void {
    while (!this.#ended && this.#unsettled < inFlightMax) {
      if (this.#requests === undefined) {
        this.#readOn();
        return;
      }
      try {
        const next = this.#requests.next();
        if (next.done) this.#requests = undefined;
        else this.#add(this.#call.answer(next.value));
      } catch (error) {
        this.#endWith(error);
      }
    }
  }

  #readOn(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#read().then(
      (requests) => {
        this.#reading = false;
        this.#requests = requests?.[Symbol.iterator]();
        if (requests === undefined) this.end();
        else this.#advance();
      },
      (error: unknown) => this.end(error),
    );
  }

  #add(answer: R | Promise<R>): void {
    if (!(answer instanceof Promise)) {
      this.#answers.push({ settled: true, value: answer });
      return;
    }
    const awaited: Answer<R> = { settled: false };
    this.#answers.push(awaited);
    this.#unsettled++;
    const settle = (): void => {
      awaited.settled = true;
      this.#unsettled--;
      this.#advance();
    };
    answer.then(
      (value) => {
        awaited.value = value;
        settle();
      },
      (error: unknown) => {
        awaited.failed = { error };
        settle();
      },
    );
  }

  #give({ resolve, reject }: Waiting<R>): void {
    const answers = this.#answers;
    const first = answers.findIndex(({ settled, failed }) => !settled || failed !== undefined);
    const ready = answers.splice(0, first === -1 ? answers.length : first);
    if (ready.length > 0) {
      this.#waiting = undefined;
      resolve({ done: false, value: ready.map(({ value }) => value as R) });
      return;
    }
    const failed = answers[0]?.failed;
    if (failed !== undefined) {
      this.#waiting = undefined;
      this.#ended = true;
      this.#over = true;
      answers.length = 0;
      reject(this.#call.fail(failed.error));
    } else if (answers.length === 0 && this.#ended) {
      this.#waiting = undefined;
      if (!this.#over) this.#call.complete();
      this.#over = true;
      resolve({ done: true, value: undefined });
    }
  }
}
