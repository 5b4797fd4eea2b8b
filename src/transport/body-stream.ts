/** The body of a request to uWebSockets as an async iterable that makes the client wait when nobody reads. */

import type { BodyHold } from "./body-budget.js";
import { ByteQueue } from "./byte-queue.js";
import type { Exchange } from "./exchange.js";

/** To be called in the very turn of the request: uWebSockets pushes, and keeps nothing. To be told when the client goes. */
export function bodyStream(exchange: Exchange, hold: BodyHold): ByteQueue {
  const queue = new ByteQueue(exchange.res, hold);
  exchange.res.onData((chunk, isLast) => {
    if (isLast) exchange.bodyCame = true;
    // The chunk is taken back when this returns.
    if (!queue.ended) queue.push(new Uint8Array(chunk.slice(0)), isLast);
  });
  return queue;
}
