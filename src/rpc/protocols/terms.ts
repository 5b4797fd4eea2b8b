/** Reads the version, the deadline and the compressions of an RPC call from its headers. */

import { type Compression, compressionNegotiate } from "@connectrpc/connect/protocol";
import { protocolVersion } from "@connectrpc/connect/protocol-connect";
import { AppError } from "../../domain/errors.js";
import { compressions } from "../decoding/compressions.js";
import { checkTimeout } from "./timeout-header.js";
import type { Wire } from "./wire.js";

export interface Terms {
  /** The compression of the request message. Null when the message is not compressed. */
  readonly request: Compression | null;
  /** The compression of the answer. Null when the answer is not compressed. */
  readonly response: Compression | null;
}

/**
 * Reads the headers of an RPC call. For a header that it does not understand, throws AppError INVALID_REQUEST
 * (version), UNSUPPORTED_COMPRESSION or INVALID_REQUEST_BODY (deadline).
 */
export function readTerms(wire: Wire, header: Headers): Terms {
  const connect = wire.protocol === "connect" || wire.protocol === "connect-stream";
  if (connect && (header.get("connect-protocol-version") ?? protocolVersion) !== protocolVersion)
    throw new AppError("INVALID_REQUEST", { rule: `Connect-Protocol-Version must be ${protocolVersion}` });
  checkTimeout(wire, header);
  const { request, response, error } = compressionNegotiate(
    compressions,
    header.get(wire.encodingHeader) || null,
    header.get(wire.acceptEncodingHeader),
    wire.acceptEncodingHeader,
  );
  if (error !== undefined) {
    const names = compressions.map(({ name }) => name).join(", ");
    throw new AppError("UNSUPPORTED_COMPRESSION", {
      rule: `${wire.encodingHeader} must be identity or one of ${names}`,
    });
  }
  return { request, response };
}
