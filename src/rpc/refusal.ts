/** An error in the caller's protocol, written without the library's handlers: refusing must cost little. */

import { encodeEnvelope, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, endStreamFlag, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { AppError } from "../domain/errors.js";
import type { RateStatus } from "./api.js";
import { compressions } from "./compressions.js";
import { onePiece } from "./one-piece.js";
import { rateMetadata } from "./rate-metadata.js";
import { toConnectError } from "./rpc-error.js";
import type { Wire } from "./wire.js";

/** Of the form of details that people read. */
const detailsJson = { alwaysEmitImplicit: true };

/** What is the same for all who are refused for the same reason; its details take 50 µs. */
interface Refusal {
  readonly httpStatus: number;
  /** What stands beside it. */
  readonly beside: Readonly<Record<string, string>>;
  /** Connect's JSON. */
  readonly json: Buffer;
  /** What gRPC says after the messages, with what stands beside. */
  readonly trailer: Readonly<Record<string, string>>;
}

/** Rules name places in messages, so there is no end of them. */
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

/** `field`: as the protocol spells it. */
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
      // Whatever the codec of the messages is.
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
