/** Ends calls whose client does not go on: it stops in the middle of its request, or takes nothing of its answer. */

import { Http2ServerResponse } from "node:http2";
import { cut, type ServiceExchange, sinkOf, sourceOf } from "./exchange.js";
import type { ServiceLimits } from "./limits.js";

/** `ofRequests` is true for a stream of requests. With a valid token such a stream has no deadline. */
export function boundRequest(
  exchange: ServiceExchange,
  { limits, authenticated, ofRequests }: { limits: ServiceLimits; authenticated: boolean; ofRequests: boolean },
): void {
  const { response } = exchange;
  if (ofRequests && response instanceof Http2ServerResponse) {
    if (!authenticated) response.stream.setTimeout(limits.anonymousIdleMs, () => cut(exchange));
    return;
  }
  const timer = setTimeout(() => cut(exchange), authenticated ? limits.requestMs : limits.anonymousRequestMs);
  const clear = (): void => clearTimeout(timer);
  sourceOf(exchange.request).once("end", clear);
  sinkOf(response).once("close", clear);
}

/** Call it when the answer is handed over. `answerMs` is the longest time without any progress. */
export function boundAnswer(exchange: ServiceExchange, answerMs: number): void {
  const sink = sinkOf(exchange.response);
  if (sink.writableFinished || sink.destroyed) return;
  sink.setTimeout(answerMs, () => cut(exchange));
}
