/** Makes the end of a stream of answers that ends with an error, in each protocol. */

import type { ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { endStreamFlag, endStreamToJson } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { Wire } from "./wire.js";

export interface StreamEnd {
  /** The last bytes of the stream. */
  readonly bytes: Uint8Array;
  /** The trailers of HTTP. Only gRPC has them. */
  readonly trailer: Headers | undefined;
}

/** Makes the end for the protocol of `wire`. With `text`, the text form of gRPC-Web, its bytes are in base64. */
export function streamEnd(wire: Wire, failure: ConnectError, text: boolean): StreamEnd {
  if (wire.protocol === "connect-stream") {
    const end = JSON.stringify(endStreamToJson(new Headers(), failure, { alwaysEmitImplicit: true }));
    return { bytes: encodeEnvelope(endStreamFlag, Buffer.from(end)), trailer: undefined };
  }
  const trailer = setTrailerStatus(new Headers(), failure);
  if (wire.protocol === "grpc") return { bytes: new Uint8Array(0), trailer };
  const bytes = encodeEnvelope(trailerFlag, trailerSerialize(trailer));
  return { bytes: text ? Buffer.from(Buffer.from(bytes).toString("base64"), "latin1") : bytes, trailer: undefined };
}
