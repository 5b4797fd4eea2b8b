/** What stands beside the text of an error on every wire: why, which field, which rule, and when to come back. */

import type { AppError } from "../domain/errors.js";

/** Characters. A proxy must never refuse an answer over it. */
const fieldMax = 100;
const ruleMax = 300;

/** Headers over HTTP, metadata in the RPC protocols. `field`: as the protocol spells it. */
export function errorHeaders(error: AppError, field = error.field): Record<string, string> {
  const headers: Record<string, string> = { "Eventwire-Error": describe(error, field) };
  if (error.retryAfterSeconds !== undefined) headers["Retry-After"] = String(error.retryAfterSeconds);
  return headers;
}

/** `INVALID_REQUEST_BODY; field="events[2]"; rule="must be …"`, the last two where they are known. */
function describe({ reason, rule }: AppError, field: string | undefined): string {
  let text: string = reason;
  if (field) text += `; field=${quoted(field, fieldMax)}`;
  if (rule) text += `; rule=${quoted(rule, ruleMax)}`;
  return text;
}

/** A quoted string of RFC 9110, section 5.6.4, of visible ASCII and spaces alone. */
function quoted(text: string, lengthMax: number): string {
  const cut = text.length > lengthMax ? `${text.slice(0, lengthMax - 3)}...` : text;
  return `"${cut.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
}
