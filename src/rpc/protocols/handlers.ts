/**
 * Makes the handlers for Connect, gRPC-Web and gRPC from the methods of the contract. A call is admitted before its
 * body is decoded.
 */

import type { DescMethod, DescMethodServerStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import { createContextValues } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { Logger } from "pino";
import { EventService } from "../../../gen/eventwire/v1/event_service_pb.js";
import { AppError } from "../../domain/errors.js";
import { tokenFrom } from "../admission/credentials.js";
import type { Admission, Api, Credentials } from "../api.js";
import { messageLimit } from "../decoding/body-limit.js";
import { compileDecodeCall, type DecodeCall } from "../decoding/decode-call.js";
import { keyHeader } from "../decoding/key-header.js";
import type { Room } from "../decoding/room.js";
import { describeCause } from "../errors/failure-log.js";
import { compareAnswers } from "../errors/listed-errors.js";
import { notAllowed, unsupportedMediaType } from "../errors/no-call.js";
import { refuse } from "../errors/refusal.js";
import { readPolicy } from "../policy.js";
import { services } from "../services.js";
import { createGrpcBatches, type GrpcBatches } from "../streams/grpc-batches.js";
import { readRequests } from "../streams/stream-requests.js";
import { type CallContext, callContextKey } from "./call-context.js";
import { withText } from "./grpc-web-text.js";
import { createStreamRoutes } from "./routes.js";
import { createServerStreamHandler } from "./server-stream-handler.js";
import type { Answered } from "./streamed-answer.js";
import { readTerms, type Terms } from "./terms.js";
import { clampTimeout } from "./timeout-header.js";
import { createUnaryHandler } from "./unary-handler.js";
import { readWire, type Wire } from "./wire.js";

export interface HandlersOptions {
  readonly api: Api;
  /** Whether the handlers serve gRPC too. gRPC needs the trailers of HTTP/2, so only the service port serves gRPC. */
  readonly grpc: boolean;
  /** Size of the largest event, in bytes (PUBLISH_MAX_BYTES). */
  readonly publishMaxBytes: number;
  /** Aborted when the server closes. Open streams then end with UNAVAILABLE. */
  readonly shutdown?: AbortSignal | undefined;
  readonly logger: Logger;
}

/**
 * Serves one method of the contract on one path. Send requests of every HTTP method to the handler: it answers 405 and
 * 415 itself.
 */
export interface Handler {
  /** The path of the method: `/<package>.<Service>/<Method>`. */
  readonly path: string;
  readonly method: DescMethod;
  /**
   * Answers a request, and never rejects. `request.url` must be absolute, and `request.body` an AsyncIterable of bytes.
   * A refusal may leave the body unread, so the caller must discard the rest. `room` limits the memory for data that is
   * made from the body.
   */
  handle(request: UniversalServerRequest, remoteAddress: string, room: Room): Promise<Answered>;
}

export function createHandlers(options: HandlersOptions): Handler[] {
  const { api, grpc, publishMaxBytes, shutdown, logger } = options;
  const messageMax = messageLimit(readPolicy(EventService.method.publishEvents), publishMaxBytes).bytes;
  const batches = createGrpcBatches({ api, messageBytesMax: messageMax, shutdown });
  const streams = createStreamRoutes(options).map((route) =>
    createHandler(route, {
      decode: { decoder: compileDecodeCall(route.method.input), bytesMax: messageMax },
      batches: grpc && route.method === EventService.method.publishEvents ? batches : undefined,
      admit: (credentials) => api.admit(route.method, credentials),
      logger,
    }),
  );
  const methods: DescMethod[] = services.flatMap((service) => service.methods);
  const optionsOf = (method: DescMethod) => {
    const limit = messageLimit(readPolicy(method), publishMaxBytes);
    return { api, grpc, limit, logger };
  };
  const unary = methods.filter(isUnary).map((method) => createUnaryHandler(method, optionsOf(method)));
  const served = methods.filter(isServed).map((method) => createServerStreamHandler(method, optionsOf(method)));
  return [...[...unary, ...served].map(withText), ...streams];
}

/** Makes a handler from a route of the Connect library. The method in the route must call `enter` first. */
export function createHandler(
  route: UniversalHandler,
  options: {
    admit: (credentials: Credentials) => Admission | Promise<Admission>;
    /** A faster way to serve a stream of batches, for the calls that `batches.takes` accepts. */
    batches?: GrpcBatches | undefined;
    /** How our own code decodes the messages of a stream. When this is absent, the Connect library decodes them. */
    decode?: { readonly decoder: DecodeCall; readonly bytesMax: number } | undefined;
    logger: Logger;
  },
): Handler {
  const { admit, batches, decode, logger } = options;
  const compare = compareAnswers(route.method);

  async function enterWith(
    wire: Wire,
    { request: compression }: Terms,
    request: UniversalServerRequest,
    admission: Admission,
    room: Room,
  ): Promise<UniversalServerResponse> {
    const chunks = (request.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    const requests = decode && readRequests(chunks, decode.decoder, { json: wire.json, compression, room, ...decode });
    const callContext: CallContext = { admission, requests, reached: false };
    const contextValues = createContextValues().set(callContextKey, callContext);
    const body = requests === undefined ? request.body : nothing();
    const response = await route({ ...request, body, contextValues });
    // The Connect library decodes a message before it calls the method. When the library cannot decode the message, it
    // answers in its own words. Our refusal replaces that answer here.
    if (callContext.reached || response.status === httpVersionNotSupported) return response;
    throw new AppError("INVALID_REQUEST_BODY", { rule: `message must be one ${route.method.input.typeName}` });
  }

  async function answer(wire: Wire, request: UniversalServerRequest, remoteAddress: string, room: Room) {
    const { header } = request;
    const token = tokenFrom(header.get("token"), header.get("authorization"));
    const admission = await admit({ token, remoteAddress });
    try {
      if (admission.refusal !== undefined) throw admission.refusal;
      const terms = readTerms(wire, header);
      if (header.has(keyHeader)) throw new AppError("INVALID_REQUEST_BODY", keyOfStream);
      if (batches?.takes(request)) return batches.handle(request, admission, room);
      clampTimeout(header);
      return await enterWith(wire, terms, request, admission, room);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      compare(error.reason);
      return refuse(wire, error, admission.rate);
    }
  }

  async function handle(
    request: UniversalServerRequest,
    remoteAddress: string,
    room: Room,
  ): Promise<UniversalServerResponse> {
    if (!route.allowedMethods.includes(request.method)) return notAllowed(request, route.allowedMethods);
    const contentType = request.header.get("content-type") ?? "";
    const wire = readWire(contentType);
    if (wire === undefined || !route.supportedContentType(contentType)) return unsupportedMediaType(request);
    try {
      return await answer(wire, request, remoteAddress, room);
    } catch (error) {
      logger.error({ method: route.requestPath, err: describeCause(error) }, "call failed outside its method");
      return refuse(wire, new AppError("INTERNAL"), undefined);
    }
  }

  return withText({ path: route.requestPath, method: route.method, handle });
}

/** A producer that sends one key for a whole stream would otherwise believe that its events are protected. */
const keyOfStream = {
  rule: "Idempotency-Key must not stand in the metadata of a stream: each event of a batch has idempotency_key",
};

async function* nothing(): AsyncGenerator<Uint8Array> {}

const isUnary = (method: DescMethod): method is DescMethodUnary => method.methodKind === "unary";
const isServed = (method: DescMethod): method is DescMethodServerStreaming => method.methodKind === "server_streaming";

/** The HTTP status with which the Connect library refuses a bidirectional stream over HTTP/1.1. */
const httpVersionNotSupported = 505;
