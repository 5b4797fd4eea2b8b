/**
 * Reads a header that may stand more than once. Node.js gives all of its values, or the first one even if that is
 * empty.
 */

import type { IncomingHttpHeaders } from "node:http";

export interface ReceivedHeaders {
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[];
}

/** The first value that is not empty. The public port takes the same one. */
export function firstValue(
  { headers, rawHeaders }: ReceivedHeaders,
  name: "token" | "authorization",
): string | undefined {
  const value = headers[name];
  if (value === undefined || (typeof value === "string" && value !== "" && !value.includes(", "))) return value;
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() === name && rawHeaders[at + 1]) return rawHeaders[at + 1];
  return undefined;
}
