/**
 * Cuts calls on the service port whose client is too slow: the request is not whole in time, or the client takes nothing
 * of the answer for too long.
 */

import { Http2ServerResponse } from "node:http2";
import { cut, type ServiceExchange, sinkOf, sourceOf } from "./exchange.js";
import type { ServiceLimits } from "./limits.js";

/**
 * Cuts a call whose request does not arrive whole in time. `ofRequests` is true for a stream of requests. Over HTTP/2,
 * a stream of requests has no deadline when it has a valid token; without one it is cut when no byte comes for
 * `anonymousIdleMs`.
 */
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

/**
 * Cuts a call whose client takes nothing of the answer for `answerMs` milliseconds. Call this function when the answer
 * is handed over to Node.js.
 */
export function boundAnswer(exchange: ServiceExchange, answerMs: number): void {
  const sink = sinkOf(exchange.response);
  if (sink.writableFinished || sink.destroyed) return;
  sink.setTimeout(answerMs, () => cut(exchange));
}
