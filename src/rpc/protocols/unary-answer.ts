/** Writes the answer of a unary RPC call in the caller's protocol. */

import { type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import {
  type Compression,
  compressedFlag,
  encodeEnvelope,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { grpcStatusOk } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { RateStatus } from "../api.js";
import { rateMetadata } from "../rate-limit/rate-metadata.js";
import { compileAnswerJson } from "./answer-json.js";
import { onePiece } from "./one-piece.js";
import type { Wire } from "./wire.js";

/** Smallest answer that is compressed, in bytes. To compress a smaller answer is not worth the time. */
const compressBytesMin = 1024;

type Encode = (message: Message, json: boolean) => Uint8Array;

export function compileEncode(desc: DescMessage): Encode {
  const jsonOf = compileAnswerJson(desc);
  return (message, json) => (json ? Buffer.from(jsonOf(message)) : toBinary(desc, message));
}

export async function answerUnary(
  wire: Wire,
  message: Uint8Array,
  compression: Compression | null,
  rate: RateStatus | undefined,
): Promise<UniversalServerResponse> {
  const header = new Headers({ "content-type": wire.contentType, ...rateMetadata(rate) });
  const small = compression === null || message.length < compressBytesMin;
  const bytes = small ? message : await compression.compress(message as Uint8Array<ArrayBuffer>);
  const connect = wire.protocol === "connect";
  if (compression !== null && !(connect && small)) header.set(wire.encodingHeader, compression.name);
  if (connect) return { status: 200, header, body: onePiece(bytes) };
  const envelope = encodeEnvelope(small ? 0 : compressedFlag, bytes);
  const trailer = new Headers({ "grpc-status": grpcStatusOk });
  if (wire.protocol === "grpc") return { status: 200, header, trailer, body: onePiece(envelope) };
  const end = encodeEnvelope(trailerFlag, trailerSerialize(trailer));
  return { status: 200, header, body: onePiece(Buffer.concat([envelope, end])) };
}
