/** Decides which origins of web pages may read answers and open sockets, and answers their preflight requests. */

import { cors as connectCors } from "@connectrpc/connect";

export type Header = readonly [name: string, value: string];

export interface Cors {
  /** Headers for every answer to this `Origin` (empty when there is none). An origin that is not allowed gets none. */
  headers(origin: string): readonly Header[];
  /** Further headers for the answer to a preflight. */
  preflight(origin: string): readonly Header[];
  /** Whether a page of this `Origin` may open a socket. A client without the header is no browser, and may. */
  mayConnect(origin: string, host: string): boolean;
}

const rateHeaders = ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];
const errorHeaders = ["Retry-After", "Eventwire-Error"];

const none: readonly Header[] = [];

const preflightHeaders: readonly Header[] = [
  ["Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS"],
  [
    "Access-Control-Allow-Headers",
    ["Content-Type", "Authorization", "token", "Idempotency-Key", ...connectCors.allowedHeaders.slice(1)].join(", "),
  ],
  // Two hours, the longest time that Chromium keeps the answer.
  ["Access-Control-Max-Age", "7200"],
];

/** `allowed` as browsers write origins; `*` allows all of them, and `*.` before a host every one with one label more. */
export function createCors(allowed: readonly string[], ownOrigin: string): Cors {
  const origins = new Set(allowed.filter((origin) => !origin.includes("://*.")));
  const all = origins.has("*");
  const wildcards = allowed.filter((origin) => origin.includes("://*.")).map((origin) => origin.split("*"));
  const exposed = [...rateHeaders, ...connectCors.exposedHeaders, ...errorHeaders].join(", ");

  function allows(origin: string): boolean {
    return origin !== "" && (all || origins.has(origin) || matchesWildcard(origin));
  }

  function matchesWildcard(origin: string): boolean {
    return wildcards.some(([scheme = "", host = ""]) => {
      const label = origin.slice(scheme.length, -host.length);
      return origin === scheme + label + host && /^[a-z0-9_-]+$/.test(label);
    });
  }

  return {
    headers(origin) {
      if (!allows(origin)) return none;
      return [
        ["Access-Control-Allow-Origin", origin],
        ["Vary", "Origin"],
        ["Access-Control-Expose-Headers", exposed],
      ];
    },
    preflight(origin) {
      return allows(origin) ? preflightHeaders : none;
    },
    mayConnect(origin, host) {
      if (origin === "" || allows(origin) || origin === ownOrigin) return true;
      const own = host.toLowerCase();
      return origin === `https://${own}` || origin === `http://${own}`;
    },
  };
}
