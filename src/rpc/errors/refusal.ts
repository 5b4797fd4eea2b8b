/**
 * Writes an error in the caller's RPC protocol. The handlers of the Connect library are not used, because a refusal
 * must cost little.
 */

import { encodeEnvelope, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, endStreamFlag, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { AppError } from "../../domain/errors.js";
import type { RateStatus } from "../api.js";
import { compressions } from "../decoding/compressions.js";
import { onePiece } from "../protocols/one-piece.js";
import type { Wire } from "../protocols/wire.js";
import { rateMetadata } from "../rate-limit/rate-metadata.js";
import { toConnectError } from "./rpc-error.js";

/**
 * The JSON options for the details of an error. Fields with default values are written too, because people read the
 * details.
 */
const detailsJson = { alwaysEmitImplicit: true };

/**
 * The parts of a refusal that are the same for equal errors. They are kept, because making the details of an error
 * takes 50 µs.
 */
interface Refusal {
  readonly httpStatus: number;
  /** The headers that describe the error, such as `Eventwire-Error`. */
  readonly beside: Readonly<Record<string, string>>;
  /** The body of the refusal in Connect, which is JSON. */
  readonly json: Buffer;
  /** The trailers of the refusal in gRPC. They include the headers that describe the error. */
  readonly trailer: Readonly<Record<string, string>>;
}

/**
 * Most refusals that are kept. A rule can name a place in a message, so the number of different refusals has no bound.
 */
const knownMax = 256;
const known = new Map<string, Refusal>();

function refusalOf(error: AppError, field: string | undefined): Refusal {
  const key = [error.reason, error.message, error.retryAfterSeconds, field, error.rule].join("\n");
  let refusal = known.get(key);
  if (refusal === undefined) {
    const failure = toConnectError(error, {}, field);
    refusal = {
      httpStatus: codeToHttpStatus(failure.code),
      beside: Object.fromEntries(failure.metadata),
      json: Buffer.from(errorToJsonBytes(failure, detailsJson)),
      trailer: Object.fromEntries(setTrailerStatus(new Headers(), failure)),
    };
    if (known.size >= knownMax) known.clear();
    known.set(key, refusal);
  }
  return refusal;
}

/**
 * Makes the response that refuses a call. `field` is the name of the wrong field: its JSON name when messages are JSON,
 * its proto name when they are binary.
 */
export function refuse(
  wire: Wire,
  error: AppError,
  rate: RateStatus | undefined,
  field = error.field,
): UniversalServerResponse {
  const { httpStatus, beside, json, trailer } = refusalOf(error, field);
  const header: Record<string, string> = { "content-type": wire.contentType };
  if (error.reason === "UNSUPPORTED_COMPRESSION")
    header[wire.acceptEncodingHeader] = compressions.map(({ name }) => name).join(",");
  switch (wire.protocol) {
    case "connect": {
      // In Connect the body of an error is JSON, even when the messages are binary.
      const all = { ...header, ...beside, ...rateMetadata(rate), "content-type": "application/json" };
      return { status: httpStatus, header: new Headers(all), body: onePiece(json) };
    }
    case "connect-stream": {
      const metadata = [...new Headers({ ...beside, ...rateMetadata(rate) })].map(([name, value]) => [name, [value]]);
      const end = `{"error":${json},"metadata":${JSON.stringify(Object.fromEntries(metadata))}}`;
      return {
        status: 200,
        header: new Headers(header),
        body: onePiece(encodeEnvelope(endStreamFlag, Buffer.from(end))),
      };
    }
    case "grpc": {
      const all = { ...trailer, ...rateMetadata(rate) };
      return { status: 200, header: new Headers(header), trailer: new Headers(all), body: onePiece(noBytes) };
    }
    case "grpc-web": {
      const bytes = trailerSerialize(new Headers({ ...trailer, ...rateMetadata(rate) }));
      return { status: 200, header: new Headers(header), body: onePiece(encodeEnvelope(trailerFlag, bytes)) };
    }
  }
}

const noBytes = new Uint8Array(0);
