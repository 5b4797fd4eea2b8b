/**
 * Passes the requests of a stream on, until the client leaves, its deadline passes or the node closes. The requests
 * fail with AppError only.
 */

import { Code, ConnectError } from "@connectrpc/connect";
import { AppError, type Reason } from "../../domain/errors.js";

/**
 * Passes on the requests of a stream. When the client leaves or its deadline passes, the requests end as if the client
 * had finished, because nobody is left to hear an error. When a signal is aborted with an AppError, the requests fail
 * with this error. `tooLarge` is the reason for a message that the Connect library found too large.
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
      // Promise.race would add a callback for each request to a promise that lives as long as the stream.
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
    // The Connect library wraps the error of a request body in a ConnectError.
    if (error instanceof ConnectError && error.cause instanceof AppError) throw error.cause;
    if (!(error instanceof ConnectError) || gone.has(error.code)) return;
    throw new AppError(error.code === Code.ResourceExhausted ? tooLarge : "INVALID_REQUEST_BODY", { cause: error });
  } finally {
    for (const signal of watched) signal.removeEventListener("abort", onAbort);
  }
}

const gone: ReadonlySet<Code> = new Set([Code.Canceled, Code.Aborted, Code.DeadlineExceeded]);
