/** Readers of Subscribe that stop reading when the test says: gRPC over HTTP/2, and Connect over HTTP/1.1. */

import { once } from "node:events";
import { type IncomingMessage, request as requestHttp1 } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import type { Readable } from "node:stream";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import type { ClosingFrame } from "../../gen/eventwire/v1/frame_pb.js";
import { SubscribeRequestSchema, SubscribeResponseSchema } from "../../gen/eventwire/v1/subscription_service_pb.js";
import { FrameReader, framed } from "./framed-format.js";

const path = "/eventwire.v1.SubscriptionService/Subscribe";

export interface RawSubscriber {
  /** The `n` of each event, in order. */
  readonly got: number[];
  /** What the frame `closing` said. */
  closing: ClosingFrame | undefined;
  /** The status of the end: that of gRPC in a trailer, or the code in the last message of Connect. */
  status: string | undefined;
  pause(): void;
  resume(): void;
  /** Resolves when `n` events were received. */
  has(n: number): Promise<void>;
  /** Resolves when the stream is over, with the code of a reset; 0 without one. */
  readonly ended: Promise<number>;
  /** Cuts the connection. */
  kill(): void;
}

export interface RawProtocol {
  readonly name: string;
  open(port: number, token: string, instance: string): Promise<RawSubscriber>;
}

const requestOf = (instance: string) =>
  framed(toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, { instance })));

export const grpcOverHttp2: RawProtocol = {
  name: "gRPC over HTTP/2",
  async open(port, token, instance) {
    const session = connectHttp2(`http://127.0.0.1:${port}`).on("error", () => {});
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", token };
    const stream = session.request(headers, { endStream: false });
    stream.on("error", () => {});
    stream.end(requestOf(instance));
    const closed = new Promise<number>((resolve) => stream.once("close", () => resolve(stream.rstCode)));
    const reader = readFrames(stream, closed, () => session.destroy());
    stream.on("trailers", (trailers) => {
      reader.status = trailers["grpc-status"];
    });
    await hello(reader);
    return reader;
  },
};

export const connectOverHttp1: RawProtocol = {
  name: "Connect over HTTP/1.1",
  async open(port, token, instance) {
    const headers = { "content-type": "application/connect+proto", token };
    const request = requestHttp1({ host: "127.0.0.1", port, method: "POST", path, headers, agent: false });
    request.on("error", () => {}).end(requestOf(instance));
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.on("error", () => {});
    const closed = new Promise<number>((resolve) => response.once("close", () => resolve(0)));
    const reader = readFrames(response, closed, () => request.destroy());
    await hello(reader);
    return reader;
  },
};

interface Reader extends RawSubscriber {
  readonly opened: Promise<void>;
}

function readFrames(readable: Readable, ended: Promise<number>, kill: () => void): Reader {
  let wake = (): void => {};
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const frames = new FrameReader((bytes, flags) => {
    if (flags !== 0) reader.status = JSON.parse(bytes.toString()).error.code;
    else {
      const { case: kind, value } = fromBinary(SubscribeResponseSchema, bytes).frame;
      if (kind === "hello") open();
      else if (kind === "closing") reader.closing = value;
      else if (kind === "event")
        reader.got.push(JSON.parse(Buffer.from(value.payload.value as Uint8Array).toString()).n);
    }
    wake();
  });
  const reader: Reader = {
    got: [],
    closing: undefined,
    status: undefined,
    opened,
    pause: () => void readable.pause(),
    resume: () => void readable.resume(),
    async has(n) {
      while (reader.got.length < n) await new Promise<void>((resolve) => (wake = resolve));
    },
    ended,
    kill,
  };
  readable.on("data", (bytes: Buffer) => frames.push(bytes));
  onTestFinished(kill);
  return reader;
}

function hello({ opened, ended }: Reader): Promise<unknown> {
  return Promise.race([opened, ended.then(() => Promise.reject(new Error("the stream ended before its hello")))]);
}
