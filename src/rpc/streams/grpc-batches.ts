/**
 * Serves PublishEvents over plain gRPC without the layers of the Connect library. These layers, together with the
 * decoding by the Protobuf library, were two thirds of the cost of an event. A call with a compression, a deadline or
 * JSON still goes through the Connect library.
 */

import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { grpcStatusOk, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { EventService, type PublishEventsResponse } from "../../../gen/eventwire/v1/event_service_pb.js";
import { AppError } from "../../domain/errors.js";
import type { Admission, Api } from "../api.js";
import { compileDecodeCall } from "../decoding/decode-call.js";
import type { Room } from "../decoding/room.js";
import { toConnectError } from "../errors/rpc-error.js";
import { rateMetadata } from "../rate-limit/rate-metadata.js";
import { encodeAnswers } from "./batch-encoder.js";
import { Pipeline } from "./pipeline.js";
import { readRequests } from "./stream-requests.js";

const method = EventService.method.publishEvents;

export interface GrpcBatches {
  /** Whether the request is a plain gRPC call: a POST over HTTP/2 without a compression, a deadline or JSON. */
  takes(request: UniversalServerRequest): boolean;
  /** Answers a call that was admitted and that `takes` accepts. An error of the call stands in the trailers. */
  handle(request: UniversalServerRequest, admission: Admission, room: Room): UniversalServerResponse;
}

export function createGrpcBatches(options: {
  api: Api;
  messageBytesMax: number;
  shutdown: AbortSignal | undefined;
}): GrpcBatches {
  const { api, messageBytesMax, shutdown } = options;
  const decoder = compileDecodeCall(method.input);

  async function* answers(request: UniversalServerRequest, admission: Admission, room: Room, trailer: Headers) {
    const form = { json: false, compression: null, bytesMax: messageBytesMax, room };
    const chunks = (request.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    try {
      // The empty piece sends the headers now, because a producer may wait for the headers before it sends anything.
      yield noBytes;
      const batches = new Pipeline(api.openStream(method, admission), readRequests(chunks, decoder, form));
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

    handle(request, admission, room) {
      const trailer = new Headers();
      const header = new Headers({ "content-type": "application/grpc+proto", ...rateMetadata(admission.rate) });
      return { status: 200, header, trailer, body: answers(request, admission, room, trailer) };
    },
  };
}

const noBytes = new Uint8Array(0);
