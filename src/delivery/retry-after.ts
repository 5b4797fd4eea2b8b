/** How long a closed client should wait before it connects again. The time is random, so that many clients do not come back at once. */

import { type Close, closeRow, shuttingDown } from "../domain/closes.js";

interface Span {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * After a node shut down. The client loses events while it waits, and another node could serve it at once; the drain has spread the
 * closes already. So the span is short.
 */
const afterShutdown: Span = { minMs: 0, maxMs: 5_000 };
/** After a close for another cause, such as a slow consumer: the cause needs some time to pass, so the span begins at one second. */
const afterTrouble: Span = { minMs: 1_000, maxMs: 5_000 };

/** Returns the time in milliseconds. It is 0 for a close after which the client should not connect again by itself. */
export function retryAfter({ code }: Close): number {
  if (!closeRow(code)?.reconnect) return 0;
  const { minMs, maxMs } = code === shuttingDown.code ? afterShutdown : afterTrouble;
  return minMs + Math.floor(Math.random() * (maxMs - minMs));
}
