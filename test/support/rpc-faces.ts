/** The same unary call through every protocol of the service port, each answer in the same form. */

import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type JsonValue,
  type MessageInitShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { AnySchema, anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { type ErrorInfo, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";

export type Outcome = { readonly answer: JsonValue } | Failure;

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly reason: string | undefined;
}

export interface Face {
  readonly name: string;
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    headers?: Record<string, string>,
  ): Promise<{ outcome: Outcome; metadata: Headers }>;
  close(): void;
}

export const faceNames = [
  "gRPC",
  "gRPC with JSON",
  "gRPC of grpc-js",
  "gRPC-Web on HTTP/1.1",
  "gRPC-Web on HTTP/2",
  "Connect JSON on HTTP/1.1",
  "Connect binary on HTTP/1.1",
  "Connect JSON on HTTP/2",
] as const;

export function openFace(name: (typeof faceNames)[number], url: string): Face {
  const baseUrl = url;
  switch (name) {
    case "gRPC":
      return connectFace(name, createGrpcTransport({ baseUrl }));
    case "gRPC with JSON":
      return connectFace(name, createGrpcTransport({ baseUrl, useBinaryFormat: false }));
    case "gRPC of grpc-js":
      return foreignFace(name, url);
    case "gRPC-Web on HTTP/1.1":
      return connectFace(name, createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }));
    case "gRPC-Web on HTTP/2":
      return connectFace(name, createGrpcWebTransport({ baseUrl, httpVersion: "2" }));
    case "Connect JSON on HTTP/1.1":
      return connectFace(name, createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }));
    case "Connect binary on HTTP/1.1":
      return connectFace(name, createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true }));
    case "Connect JSON on HTTP/2":
      return connectFace(name, createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false }));
  }
}

function connectFace(name: string, transport: Transport): Face {
  return {
    name,
    close() {},
    async call(method, request, headers = {}) {
      try {
        const { message, header, trailer } = await transport.unary(method, undefined, undefined, headers, request);
        return {
          outcome: { answer: toJson(method.output, message, { alwaysEmitImplicit: true }) },
          metadata: new Headers([...header, ...trailer]),
        };
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error;
        const [info] = error.findDetails(ErrorInfoSchema);
        return { outcome: failure(error.code, error.rawMessage, info), metadata: error.metadata };
      }
    },
  };
}

function foreignFace(name: string, url: string): Face {
  const client = new grpc.Client(new URL(url).host, grpc.credentials.createInsecure());
  return {
    name,
    close: () => client.close(),
    call: (method, request, headers = {}) =>
      new Promise((resolve, reject) => {
        const metadata = new grpc.Metadata();
        for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
        let initial = new grpc.Metadata();
        client
          .makeUnaryRequest(
            `/${method.parent.typeName}/${method.name}`,
            (bytes: Buffer) => bytes,
            (bytes: Buffer) => bytes,
            Buffer.from(toBinary(method.input, create(method.input, request))),
            metadata,
            (error, bytes) => {
              if (error) resolve({ outcome: foreignFailure(error), metadata: toHeaders(error.metadata) });
              else if (bytes === undefined) reject(new Error("neither answer nor error"));
              else {
                const answer = toJson(method.output, fromBinary(method.output, bytes), { alwaysEmitImplicit: true });
                resolve({ outcome: { answer }, metadata: toHeaders(initial) });
              }
            },
          )
          .on("metadata", (received) => {
            initial = received;
          });
      }),
  };
}

function toHeaders(metadata: grpc.Metadata): Headers {
  const texts = Object.entries(metadata.getMap()).filter(([, value]) => typeof value === "string");
  return new Headers(texts as [string, string][]);
}

function foreignFailure({ code, details, metadata }: grpc.ServiceError): Failure {
  const [status] = metadata.get("grpc-status-details-bin");
  // google.rpc.Status: field 3 is the details. Read by hand, since nothing else needs the message.
  const any = status instanceof Buffer ? detailOf(status) : undefined;
  return failure(code, details, any && anyUnpack(fromBinary(AnySchema, any), ErrorInfoSchema));
}

function detailOf(status: Buffer): Buffer | undefined {
  for (let at = 0; at < status.length; ) {
    const tag = status[at++] ?? 0;
    const value = status[at++] ?? 0;
    if ((tag & 7) === 0) continue;
    if (tag >> 3 === 3) return status.subarray(at, at + value);
    at += value;
  }
  return undefined;
}

function failure(code: number, message: string, info: ErrorInfo | undefined): Failure {
  return { code: Code[code] ?? String(code), message, reason: info?.reason };
}
