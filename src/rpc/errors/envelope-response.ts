/** Makes the response with an error, in the form that REST has, for a request that speaks none of the RPC protocols. */

import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { AppError } from "../../domain/errors.js";
import { onePiece } from "../protocols/one-piece.js";
import { errorAnswer } from "./error-answer.js";

export interface EnvelopeOptions {
  /** The HTTP status of the response, in place of the status that the catalogue has for the error. */
  readonly status?: number;
  /** The header `Accept` of the request. */
  readonly accept?: string | null | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export function envelopeResponse(error: AppError, options: EnvelopeOptions = {}): UniversalServerResponse {
  const { contentType, body, headers } = errorAnswer(error, options.accept ?? "");
  const bytes = Buffer.from(body);
  const header = new Headers({ ...headers, ...options.headers });
  header.set("content-type", contentType);
  header.set("content-length", String(bytes.length));
  return { status: options.status ?? error.status, header, body: onePiece(bytes) };
}
