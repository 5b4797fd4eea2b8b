/**
 * Answers requests that name a method but are no RPC call that this port serves: 405 when the HTTP method is wrong, and
 * 415 when the content type is.
 */

import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { AppError } from "../../domain/errors.js";
import { envelopeResponse } from "./envelope-response.js";

export function notAllowed({ header }: UniversalServerRequest, allowed: readonly string[]): UniversalServerResponse {
  const accept = header.get("accept");
  return envelopeResponse(new AppError("METHOD_NOT_ALLOWED"), { accept, headers: { allow: allowed.join(", ") } });
}

export function unsupportedMediaType({ header }: UniversalServerRequest): UniversalServerResponse {
  const rule = "Content-Type must be one of Connect, gRPC-Web or, over HTTP/2, gRPC";
  return envelopeResponse(new AppError("INVALID_REQUEST_BODY", { rule }), {
    status: 415,
    accept: header.get("accept"),
  });
}
