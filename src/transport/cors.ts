/**
 * Decides which web pages may read answers and open WebSockets, by their origin, and answers the preflight requests of
 * browsers.
 */

import { cors as connectCors } from "@connectrpc/connect";

export type Header = readonly [name: string, value: string];

export interface Cors {
  /**
   * Returns the CORS headers for every answer to a request with this `Origin`. An empty or forbidden origin gets none.
   */
  headers(origin: string): readonly Header[];
  /** Returns the further headers for the answer to a preflight request of this origin. A forbidden origin gets none. */
  preflight(origin: string): readonly Header[];
  /**
   * Whether a web page of this origin may open a WebSocket. A request without an `Origin` header may, because it comes
   * from no browser.
   */
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
  // Two hours, in seconds. Chromium keeps the answer to a preflight request no longer.
  ["Access-Control-Max-Age", "7200"],
];

/**
 * Makes the rules for these origins. `allowed` lists origins as browsers write them. `*` allows every origin. `*.`
 * before a host allows every host that has exactly one label more.
 */
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
