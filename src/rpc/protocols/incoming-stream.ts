/**
 * The requests of a stream as the api reads them. They end when the caller's signal is aborted, and fail with AppError
 * only.
 */

import { Code, ConnectError } from "@connectrpc/connect";
import { AppError, type Reason } from "../../domain/errors.js";

/**
 * `tooLarge` refuses a message that the library found too large. A deadline or a lost client ends the requests as if it had said goodbye: nobody is left to hear an error. A signal
 * that is aborted with an AppError makes them fail with it.
 */
export async function* incoming<T>(
  requests: AsyncIterable<T>,
  signals: readonly (AbortSignal | undefined)[],
  tooLarge: Reason,
): AsyncGenerator<T> {
  const iterator = requests[Symbol.asyncIterator]();
  const watched = signals.filter((signal) => signal !== undefined);
  let interrupt: (() => void) | undefined;
  const onAbort = (): void => interrupt?.();
  for (const signal of watched) signal.addEventListener("abort", onAbort);
  try {
    while (!watched.some((signal) => signal.aborted)) {
      // Promise.race would add a reaction to a promise that lives as long as the stream.
      const result = await new Promise<IteratorResult<T> | undefined>((resolve, reject) => {
        interrupt = () => resolve(undefined);
        iterator.next().then(resolve, reject);
      });
      if (result === undefined) break;
      if (result.done) return;
      yield result.value;
    }
    for (const signal of watched) if (signal.reason instanceof AppError) throw signal.reason;
  } catch (error) {
    if (error instanceof AppError) throw error;
    // The library wraps the error of a body in one of its own.
    if (error instanceof ConnectError && error.cause instanceof AppError) throw error.cause;
    if (!(error instanceof ConnectError) || gone.has(error.code)) return;
    throw new AppError(error.code === Code.ResourceExhausted ? tooLarge : "INVALID_REQUEST_BODY", { cause: error });
  } finally {
    for (const signal of watched) signal.removeEventListener("abort", onAbort);
  }
}

const gone: ReadonlySet<Code> = new Set([Code.Canceled, Code.Aborted, Code.DeadlineExceeded]);
