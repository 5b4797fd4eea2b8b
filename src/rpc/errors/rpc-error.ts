/**
 * Turns an error that a caller is told into the error of Connect and gRPC: the canonical code, the exact text, and details
 * of `google.rpc`.
 */

import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import type { Code as CodeName } from "../../domain/errors.js";
import { errorHeaders, type ToldError } from "./error-headers.js";

const codes: Record<CodeName, Code> = {
  invalid_argument: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  failed_precondition: Code.FailedPrecondition,
  aborted: Code.Aborted,
  resource_exhausted: Code.ResourceExhausted,
  unimplemented: Code.Unimplemented,
  unavailable: Code.Unavailable,
  internal: Code.Internal,
};

/**
 * Makes the ConnectError for an AppError. It always has the detail `ErrorInfo`. It has `BadRequest` when a field or a
 * rule is known, and `RetryInfo` when the caller should try again later. `field` is the field's name in the spelling of
 * the protocol.
 */
export function toConnectError(
  error: ToldError,
  metadata: Record<string, string> = {},
  field = error.field,
): ConnectError {
  const { reason, code, message, rule, retryAfterSeconds } = error;
  const details: ConnectError["details"] = [{ desc: ErrorInfoSchema, value: { reason, domain: "eventwire" } }];
  if (field !== undefined || rule !== undefined)
    details.push({
      desc: BadRequestSchema,
      value: { fieldViolations: [{ field: field ?? "", description: rule ?? "", reason }] },
    });
  if (retryAfterSeconds !== undefined)
    details.push({ desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(retryAfterSeconds) } } });
  const failure = new ConnectError(message, codes[code], { ...metadata, ...errorHeaders(error, field) });
  failure.details = details;
  return failure;
}
