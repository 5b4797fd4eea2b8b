/**
 * The headers that say more about an error, in every protocol: the reason, the field, the rule, and the time to wait.
 */

import type { Code } from "../../domain/errors.js";

/**
 * The parts of an error that a caller is told. Every AppError has them, and so has the error of a close (`closeError`).
 */
export interface ToldError {
  readonly reason: string;
  readonly code: Code;
  readonly message: string;
  readonly field?: string | undefined;
  readonly rule?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** Longest field name in a header, in characters. A short header gives no proxy a cause to refuse the answer. */
const fieldMax = 100;
/** Longest rule in a header, in characters. */
const ruleMax = 300;

/**
 * Makes the headers of an error. They are HTTP headers, or metadata in the RPC protocols. `field` is the name of the
 * wrong field in the spelling of the protocol.
 */
export function errorHeaders(error: ToldError, field = error.field): Record<string, string> {
  const headers: Record<string, string> = { "Eventwire-Error": describe(error, field) };
  if (error.retryAfterSeconds !== undefined) headers["Retry-After"] = String(error.retryAfterSeconds);
  return headers;
}

/**
 * Writes the value of `Eventwire-Error`, such as `INVALID_REQUEST_BODY; field="events[2]"; rule="must be …"`. Field and
 * rule are left out when they are not known.
 */
function describe({ reason, rule }: ToldError, field: string | undefined): string {
  let text: string = reason;
  if (field) text += `; field=${quoted(field, fieldMax)}`;
  if (rule) text += `; rule=${quoted(rule, ruleMax)}`;
  return text;
}

/**
 * Writes a text as a quoted string of RFC 9110, section 5.6.4. Replaces every character that is not visible ASCII or a
 * space by `?`, and cuts a long text.
 */
function quoted(text: string, lengthMax: number): string {
  const cut = text.length > lengthMax ? `${text.slice(0, lengthMax - 3)}...` : text;
  return `"${cut.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
}
