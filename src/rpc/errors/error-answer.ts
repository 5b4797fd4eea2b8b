/** Makes the REST answer to an error: the envelope, or a problem document when the client prefers that to JSON. */

import { catalogue } from "../../../gen/errors.js";
import type { AppError } from "../../domain/errors.js";
import { prefers } from "./accept.js";
import { errorHeaders } from "./error-headers.js";

export interface ErrorAnswer {
  readonly contentType: string;
  readonly body: string;
  /** The HTTP headers that say more about the error, such as the reason. */
  readonly headers: Readonly<Record<string, string>>;
}

const json = "application/json; charset=utf-8";
const problemJson = "application/problem+json";

/**
 * Makes the REST answer to an error. `accept` is the header `Accept` of the request, or empty when the request has
 * none.
 */
export function errorAnswer(error: AppError, accept: string): ErrorAnswer {
  const headers = errorHeaders(error);
  if (!accept.toLowerCase().includes(problemJson)) return { contentType: json, body: envelope(error), headers };
  headers.Vary = "Accept";
  if (!prefers(accept, problemJson, "application/json")) return { contentType: json, body: envelope(error), headers };
  return { contentType: problemJson, body: problem(error), headers };
}

function envelope({ message }: AppError): string {
  return JSON.stringify({ success: false, error: { message } });
}

/** Makes the problem document of RFC 9457. The members `reason`, `field` and `rule` are our own additions. */
function problem({ reason, message, status, field, rule }: AppError): string {
  return JSON.stringify({
    type: `urn:eventwire:error:${reason.toLowerCase().replaceAll("_", "-")}`,
    title: catalogue[reason].message,
    status,
    detail: [field, rule].filter(Boolean).join(" ") || message,
    reason,
    field,
    rule,
  });
}
