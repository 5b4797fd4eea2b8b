/** Reads the headers of an RPC call: version, deadline and compressions. */

import { type Compression, compressionNegotiate } from "@connectrpc/connect/protocol";
import { protocolVersion } from "@connectrpc/connect/protocol-connect";
import { AppError } from "../../domain/errors.js";
import { compressions } from "../decoding/compressions.js";
import { checkTimeout } from "./timeout-header.js";
import type { Wire } from "./wire.js";

export interface Terms {
  /** The compression of the message; null for none. */
  readonly request: Compression | null;
  /** The compression of the answer. */
  readonly response: Compression | null;
}

/** Throws INVALID_REQUEST, UNSUPPORTED_COMPRESSION or INVALID_REQUEST_BODY for a header that it does not understand. */
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
