/** The body of a request to uWebSockets as an async iterable. When nobody reads it, the client has to wait. */

import type { BodyHold } from "../body-budget.js";
import { ByteQueue } from "../byte-queue.js";
import type { Exchange } from "./exchange.js";

/**
 * Call it in the same turn as the request: uWebSockets pushes the body and keeps nothing. Tell it when the client goes
 * away.
 */
export function bodyStream(exchange: Exchange, hold: BodyHold): ByteQueue {
  const queue = new ByteQueue(exchange.res, hold);
  exchange.res.onData((chunk, isLast) => {
    if (isLast) exchange.bodyCame = true;
    // uWebSockets takes the chunk back when this function returns.
    if (!queue.ended) queue.push(new Uint8Array(chunk.slice(0)), isLast);
  });
  return queue;
}
