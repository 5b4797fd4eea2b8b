/**
 * The headers beside the text of an error, in every protocol: the reason, the field, the rule, and the time to wait.
 */

import type { AppError } from "../../domain/errors.js";

/** Longest header, in characters. No proxy may refuse an answer because of it. */
const fieldMax = 100;
const ruleMax = 300;

/** Headers over HTTP, and metadata in the RPC protocols. `field` is spelt as the protocol spells it. */
export function errorHeaders(error: AppError, field = error.field): Record<string, string> {
  const headers: Record<string, string> = { "Eventwire-Error": describe(error, field) };
  if (error.retryAfterSeconds !== undefined) headers["Retry-After"] = String(error.retryAfterSeconds);
  return headers;
}

/** `INVALID_REQUEST_BODY; field="events[2]"; rule="must be …"`. Field and rule are left out when they are not known. */
function describe({ reason, rule }: AppError, field: string | undefined): string {
  let text: string = reason;
  if (field) text += `; field=${quoted(field, fieldMax)}`;
  if (rule) text += `; rule=${quoted(rule, ruleMax)}`;
  return text;
}

/** A quoted string of RFC 9110, section 5.6.4, with visible ASCII and spaces only. */
function quoted(text: string, lengthMax: number): string {
  const cut = text.length > lengthMax ? `${text.slice(0, lengthMax - 3)}...` : text;
  return `"${cut.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
}
