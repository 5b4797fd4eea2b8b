/** The methods of the contract as Connect, gRPC-Web and gRPC handlers, admitted before their body is decoded. */

import type { DescMethod } from "@bufbuild/protobuf";
import { createContextValues } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { Logger } from "pino";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { AppError } from "../domain/errors.js";
import type { Admission, Api, Credentials } from "./api.js";
import { tokenFrom } from "./credentials.js";
import { envelopeResponse } from "./envelope-response.js";
import { describeCause } from "./failure-log.js";
import { createGrpcBatches, type GrpcBatches } from "./grpc-batches.js";
import { neutralRequest } from "./neutral-request.js";
import { type Passage, passageKey } from "./passage.js";
import { readPolicy } from "./policy.js";
import { createRoutes, messageBytesMax } from "./routes.js";
import { unreadable } from "./rpc-error.js";
import { clampTimeout } from "./timeout-header.js";
import { errorCode } from "./universal-error.js";

export interface HandlersOptions {
  readonly api: Api;
  /** Whether gRPC is served too. It needs HTTP/2 trailers, so only the service port has it. */
  readonly grpc: boolean;
  /** Largest event (PUBLISH_MAX_BYTES). Messages of methods that carry none end at 1 MiB. */
  readonly publishMaxBytes: number;
  /** Aborted when the server closes: open streams then end with UNAVAILABLE. */
  readonly shutdown?: AbortSignal | undefined;
  readonly logger: Logger;
}

/** One method on one path. Mount it for every HTTP method: it answers 405 and 415 itself, in the envelope. */
export interface Handler {
  /** `/<package>.<Service>/<Method>`. */
  readonly path: string;
  readonly method: DescMethod;
  /**
   * Never rejects. `request.url` must be absolute; `request.body` is an AsyncIterable of bytes and may be left unread
   * (a refusal), so the caller has to discard the rest.
   */
  handle(request: UniversalServerRequest, remoteAddress: string): Promise<UniversalServerResponse>;
}

export function createHandlers(options: HandlersOptions): Handler[] {
  const { api, grpc, publishMaxBytes, shutdown, logger } = options;
  const messageMax = messageBytesMax(EventService.method.publishEvents, publishMaxBytes);
  const batches = createGrpcBatches({ api, messageBytesMax: messageMax, shutdown });
  return createRoutes(options).map((route) =>
    createHandler(route, {
      batches: grpc && route.method === EventService.method.publishEvents ? batches : undefined,
      admit: (credentials) => api.admit(route.method, credentials),
      carriesEvent: readPolicy(route.method).carriesEvent,
      logger,
    }),
  );
}

/** `route` must `enter` its passage. */
export function createHandler(
  route: UniversalHandler,
  options: {
    admit: (credentials: Credentials) => Admission | Promise<Admission>;
    /** A shorter way for what it takes. */
    batches?: GrpcBatches | undefined;
    carriesEvent: boolean;
    logger: Logger;
  },
): Handler {
  const { admit, batches, carriesEvent, logger } = options;

  async function pass(request: UniversalServerRequest, passage: Passage): Promise<UniversalServerResponse> {
    return route({ ...request, contextValues: createContextValues().set(passageKey, passage) });
  }

  function refuse(request: UniversalServerRequest, admission: Admission): Promise<UniversalServerResponse> {
    return pass(neutralRequest(request), { admission, reached: false });
  }

  async function handle(request: UniversalServerRequest, remoteAddress: string): Promise<UniversalServerResponse> {
    const { header } = request;
    if (!route.allowedMethods.includes(request.method))
      return envelopeResponse(new AppError("METHOD_NOT_ALLOWED"), 405, { allow: route.allowedMethods.join(", ") });
    if (!route.supportedContentType(header.get("content-type") ?? "")) return unsupportedMediaType();
    const token = tokenFrom(header.get("token"), header.get("authorization"));
    const admission = await admit({ token, remoteAddress });
    if (admission.refusal !== undefined) return refuse(request, admission);
    if (batches?.takes(request)) return batches.handle(request, admission);
    clampTimeout(header);
    const passage: Passage = { admission, reached: false };
    const response = await pass(request, passage);
    // The library decodes before it calls us, and answers in its own words what it can not read.
    if (passage.reached || response.status === httpVersionNotSupported) return response;
    if (response.status === unsupportedMediaTypeStatus) return unsupportedMediaType();
    const refusal = unreadable(await errorCode(response), carriesEvent);
    return refuse(request, { ...admission, refusal });
  }

  return {
    path: route.requestPath,
    method: route.method,
    async handle(request, remoteAddress) {
      try {
        return await handle(request, remoteAddress);
      } catch (error) {
        logger.error({ method: route.requestPath, err: describeCause(error) }, "call failed outside its method");
        return envelopeResponse(new AppError("INTERNAL"));
      }
    },
  };
}

/** A bidirectional stream over HTTP/1.1. */
const httpVersionNotSupported = 505;
/** Also what the library says to gRPC-Web in its text form. */
const unsupportedMediaTypeStatus = 415;

function unsupportedMediaType(): UniversalServerResponse {
  return envelopeResponse(new AppError("INVALID_REQUEST_BODY"), unsupportedMediaTypeStatus);
}
