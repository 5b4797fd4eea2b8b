/** Gives the body of a uWebSockets request as an async iterable. The client has to wait while nobody reads the body. */

import type { BodyHold } from "../body-budget.js";
import { ByteQueue } from "../byte-queue.js";
import type { Exchange } from "./exchange.js";

/**
 * Starts to read the body of a request. Call `bodyStream` in the turn of the event loop in which the request arrived:
 * uWebSockets pushes the body from then on and keeps nothing. Call `fail` of the queue when the client goes away.
 */
export function bodyStream(exchange: Exchange, hold: BodyHold): ByteQueue {
  const queue = new ByteQueue(exchange.res, hold);
  exchange.res.onData((chunk, isLast) => {
    if (isLast) exchange.bodyCame = true;
    // `slice` copies the chunk, because uWebSockets takes its memory back when this function returns.
    if (!queue.ended) queue.push(new Uint8Array(chunk.slice(0)), isLast);
  });
  return queue;
}
