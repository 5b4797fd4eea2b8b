/** Makes the `X-RateLimit-*` headers of a call. In gRPC the metadata has the same names. */

import type { RateStatus } from "../api.js";

export function rateMetadata(rate: RateStatus | undefined): Record<string, string> {
  if (rate === undefined) return {};
  return {
    "X-RateLimit-Limit": String(rate.limit),
    "X-RateLimit-Remaining": String(rate.remaining),
    "X-RateLimit-Reset": String(rate.reset),
  };
}
