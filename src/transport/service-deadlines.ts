/** Ends calls whose client does not do its part: it stops within its request, or takes nothing of the answer. */

import { Http2ServerResponse } from "node:http2";
import { cut, type Exchange, sinkOf, sourceOf } from "./service-exchange.js";
import type { ServiceLimits } from "./service-limits.js";

/** `ofRequests`: a stream of them, which nobody ends who is authenticated. */
export function boundRequest(
  exchange: Exchange,
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

/** To be called when the answer is handed over. `answerMs` is without any progress. */
export function boundAnswer(exchange: Exchange, answerMs: number): void {
  const sink = sinkOf(exchange.response);
  if (sink.writableFinished || sink.destroyed) return;
  sink.setTimeout(answerMs, () => cut(exchange));
}
