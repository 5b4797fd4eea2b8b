/**
 * Reads a header that a request may have several times. Node.js gives either all values of such a header, or only the
 * first value, even if the first is empty.
 */

import type { IncomingHttpHeaders } from "node:http";

export interface ReceivedHeaders {
  readonly headers: IncomingHttpHeaders;
  /** All headers as the client sent them: a name, its value, the next name, and so on. */
  readonly rawHeaders: readonly string[];
}

/** Returns the first value of the header that is not empty. The public port takes the same value. */
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
