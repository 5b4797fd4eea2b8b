/** An error where no RPC protocol is spoken: in the envelope, or as the problem document that a client asked for. */

import { catalogue } from "../../gen/errors.js";
import type { AppError } from "../domain/errors.js";
import { prefers } from "./accept.js";
import { errorHeaders } from "./error-headers.js";

export interface ErrorAnswer {
  readonly contentType: string;
  readonly body: string;
  /** What stands beside it. */
  readonly headers: Readonly<Record<string, string>>;
}

const json = "application/json; charset=utf-8";
const problemJson = "application/problem+json";

/** `accept`: the header of the request; empty for none. */
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

/** RFC 9457. `reason`, `field` and `rule` are members of ours. */
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
