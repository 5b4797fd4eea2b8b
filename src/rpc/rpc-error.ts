/** AppError ⇄ what Connect and gRPC clients read: canonical code, exact text, and the reason as google.rpc.ErrorInfo. */

import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { AppError, type Code as CodeName } from "../domain/errors.js";

const codes: Record<CodeName, Code> = {
  invalid_argument: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  failed_precondition: Code.FailedPrecondition,
  resource_exhausted: Code.ResourceExhausted,
  unimplemented: Code.Unimplemented,
  unavailable: Code.Unavailable,
  internal: Code.Internal,
};

export function toConnectError(
  { reason, code, message }: AppError,
  metadata: Record<string, string> = {},
): ConnectError {
  return new ConnectError(message, codes[code], metadata, [
    { desc: ErrorInfoSchema, value: { reason, domain: "eventwire" } },
  ]);
}

/** What is meant when the library could not read a message: it was too large, or it is none. */
export function unreadable(code: Code | undefined, carriesEvent: boolean, cause?: unknown): AppError {
  const tooLarge = code === Code.ResourceExhausted && carriesEvent;
  return new AppError(tooLarge ? "EVENT_TOO_LARGE" : "INVALID_REQUEST_BODY", { cause });
}
