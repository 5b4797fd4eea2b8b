/** The answer with an error over REST: the envelope, or a problem document when the client asked for one. */

import { catalogue } from "../../../gen/errors.js";
import type { AppError } from "../../domain/errors.js";
import { prefers } from "./accept.js";
import { errorHeaders } from "./error-headers.js";

export interface ErrorAnswer {
  readonly contentType: string;
  readonly body: string;
  /** The headers that say more about the error. */
  readonly headers: Readonly<Record<string, string>>;
}

const json = "application/json; charset=utf-8";
const problemJson = "application/problem+json";

/** `accept` is the header of the request, or empty when it has none. */
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

/** The problem document of RFC 9457. `reason`, `field` and `rule` are our own members. */
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
