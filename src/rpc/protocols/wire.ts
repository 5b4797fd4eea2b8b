/** Finds out which RPC protocol a request speaks, by its content type. */

import { parseContentType as parseConnect } from "@connectrpc/connect/protocol-connect";
import { parseContentType as parseGrpc } from "@connectrpc/connect/protocol-grpc";
import { parseContentType as parseGrpcWeb } from "@connectrpc/connect/protocol-grpc-web";

export interface Wire {
  readonly protocol: "connect" | "connect-stream" | "grpc" | "grpc-web";
  /** Whether messages are JSON. Otherwise they have Protobuf's binary form. */
  readonly json: boolean;
  /** The content type of an answer. */
  readonly contentType: string;
  /** The names of two headers: the compression of the request, and the compressions that the caller accepts. */
  readonly encodingHeader: string;
  readonly acceptEncodingHeader: string;
}

/** The text form of gRPC-Web has another content type; see `grpc-web-text.ts`. */
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
