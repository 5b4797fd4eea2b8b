/** Finds out from the content type of a request which RPC protocol the request speaks. */

import { parseContentType as parseConnect } from "@connectrpc/connect/protocol-connect";
import { parseContentType as parseGrpc } from "@connectrpc/connect/protocol-grpc";
import { parseContentType as parseGrpcWeb } from "@connectrpc/connect/protocol-grpc-web";

export interface Wire {
  readonly protocol: "connect" | "connect-stream" | "grpc" | "grpc-web";
  /** Whether messages are JSON. Otherwise they have Protobuf's binary form. */
  readonly json: boolean;
  /** The content type of an answer in this protocol. */
  readonly contentType: string;
  /** The name of the header that says how the request is compressed. */
  readonly encodingHeader: string;
  /** The name of the header that says which compressions the caller accepts. */
  readonly acceptEncodingHeader: string;
}

/**
 * The RPC protocols, by name and by form of the messages. The text form of gRPC-Web has another content type; see
 * `grpc-web-text.ts`.
 */
const wires: Readonly<Record<string, Wire>> = Object.fromEntries(
  (["proto", "json"] as const).flatMap((codec) => [
    wire("connect", codec, `application/${codec}`, ""),
    wire("connect-stream", codec, `application/connect+${codec}`, "connect-"),
    wire("grpc", codec, `application/grpc+${codec}`, "grpc-"),
    wire("grpc-web", codec, `application/grpc-web+${codec}`, "grpc-"),
  ]),
);

function wire(protocol: Wire["protocol"], codec: "proto" | "json", contentType: string, prefix: string) {
  const encodingHeader = protocol === "grpc" || protocol === "grpc-web" ? "grpc-encoding" : `${prefix}content-encoding`;
  const json = codec === "json";
  return [
    `${protocol} ${json}`,
    { protocol, json, contentType, encodingHeader, acceptEncodingHeader: `${prefix}accept-encoding` },
  ] as const;
}

export function readWire(contentType: string): Wire | undefined {
  const connect = parseConnect(contentType);
  if (connect !== undefined) return wires[`${connect.stream ? "connect-stream" : "connect"} ${!connect.binary}`];
  const grpc = parseGrpc(contentType);
  if (grpc !== undefined) return wires[`grpc ${!grpc.binary}`];
  const web = parseGrpcWeb(contentType);
  return web === undefined || web.text ? undefined : wires[`grpc-web ${!web.binary}`];
}
