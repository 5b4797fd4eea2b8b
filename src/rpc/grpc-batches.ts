/**
 * PublishEvents over plain gRPC, without the library's layers: they and its decoding were two thirds of what an event
 * cost. Everything unusual (compression, a deadline, JSON) still takes the library's way.
 */

import type { Message } from "@bufbuild/protobuf";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { grpcStatusOk, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { EventService, type PublishEventsResponse } from "../../gen/eventwire/v1/event_service_pb.js";
import { AppError } from "../domain/errors.js";
import type { Admission, Api } from "./api.js";
import { createBatchDecoder, type DecodeBatch } from "./batch-decoder.js";
import { encodeAnswers } from "./batch-encoder.js";
import { createFrameReader } from "./grpc-frames.js";
import { Pipeline, type Read } from "./pipeline.js";
import { rateMetadata } from "./rate-metadata.js";
import { toConnectError } from "./rpc-error.js";

const method = EventService.method.publishEvents;

export interface GrpcBatches {
  takes(request: UniversalServerRequest): boolean;
  /** For an admitted call. */
  handle(request: UniversalServerRequest, admission: Admission): UniversalServerResponse;
}

export function createGrpcBatches(options: {
  api: Api;
  messageBytesMax: number;
  shutdown: AbortSignal | undefined;
}): GrpcBatches {
  const { api, messageBytesMax, shutdown } = options;
  const decode = createBatchDecoder();

  async function* answers(request: UniversalServerRequest, admission: Admission, trailer: Headers) {
    const chunks = (request.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    try {
      // Sends the headers: a producer may wait for them before it sends anything.
      yield noBytes;
      const batches = new Pipeline(api.openStream(method, admission), readBatches(chunks, messageBytesMax, decode));
      const onShutdown = (): void => batches.end(shutdown?.reason);
      shutdown?.addEventListener("abort", onShutdown);
      if (shutdown?.aborted) onShutdown();
      try {
        for await (const ready of batches) yield encodeAnswers(ready as PublishEventsResponse[]);
      } finally {
        shutdown?.removeEventListener("abort", onShutdown);
      }
      trailer.set("grpc-status", grpcStatusOk);
    } catch (error) {
      setTrailerStatus(trailer, toConnectError(AppError.from(error), rateMetadata(admission.rate)));
    } finally {
      chunks.return?.().catch(() => {});
    }
  }

  return {
    takes: ({ method: verb, httpVersion, header }) =>
      verb === "POST" &&
      httpVersion.startsWith("2") &&
      /^application\/grpc(\+proto)?$/i.test(header.get("content-type") ?? "") &&
      /^(identity)?$/i.test(header.get("grpc-encoding") ?? "") &&
      !header.has("grpc-timeout"),

    handle(request, admission) {
      const trailer = new Headers();
      const header = new Headers({ "content-type": "application/grpc+proto", ...rateMetadata(admission.rate) });
      return { status: 200, header, trailer, body: answers(request, admission, trailer) };
    },
  };
}

/** A body that breaks off ends like one that is complete: nobody is left to hear an error. One that is refused is there. */
function readBatches(chunks: AsyncIterator<Uint8Array>, messageBytesMax: number, decode: DecodeBatch): Read<Message> {
  const frames = createFrameReader(messageBytesMax);

  function* batches(chunk: Uint8Array): Iterable<Message> {
    for (const message of frames.read(asBuffer(chunk))) yield decoded(decode, message);
  }

  function read({ done, value }: IteratorResult<Uint8Array>): Iterable<Message> | undefined {
    if (!done) return batches(value);
    frames.end();
    return undefined;
  }

  return () =>
    chunks.next().then(read, (error: unknown) => {
      if (error instanceof AppError) throw error;
      return undefined;
    });
}

function decoded(decode: DecodeBatch, message: Buffer): Message {
  try {
    return decode(message);
  } catch (cause) {
    throw new AppError("INVALID_REQUEST_BODY", {
      cause,
      rule: `message must be a ${method.input.typeName} in Protobuf's binary form`,
    });
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

const noBytes = new Uint8Array(0);
