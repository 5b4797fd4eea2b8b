/** Writes an answer piece by piece, no faster than its client reads. */

import type { Exchange } from "./exchange.js";
import { endPieces } from "./quirks.js";

/**
 * Writes the pieces of an answer as they come. `start` must write the status and the headers, and is called just before
 * the first piece is written. When a later piece cannot be made, the connection is cut, so that the client does not
 * take a part for the whole answer.
 */
export async function answerPieces(
  exchange: Exchange,
  status: number,
  start: () => void,
  pieces: AsyncIterable<Uint8Array | string>,
  aborted: AbortSignal,
): Promise<void> {
  const { res } = exchange;
  let wake: (() => void) | undefined;
  let writable = true;
  let started = false;
  const write = (piece: Uint8Array | string): void => {
    res.cork(() => {
      if (!started) begin();
      writable = res.write(piece);
    });
  };
  function begin(): void {
    started = true;
    start();
  }
  // Register this handler once. In this version of uWebSockets, a handler that registers itself again is not reliable.
  res.onWritable(() => {
    writable = true;
    wake?.();
    return true;
  });
  aborted.addEventListener("abort", () => wake?.());
  try {
    for await (const piece of pieces) {
      if (!exchange.open) return;
      if (!writable) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (!exchange.open) return;
      write(piece);
    }
  } catch (error) {
    if (!started) throw error;
    if (exchange.open) res.close();
    return;
  }
  if (!exchange.open) return;
  res.cork(() => {
    if (started) endPieces(res);
    else {
      begin();
      res.end(undefined, exchange.last);
    }
  });
  exchange.finish(status);
}
