/** The routes of the service port: for each path, which part of the program answers. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { Code } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { Logger } from "pino";
import { AppError } from "../../domain/errors.js";
import { envelopeResponse } from "../../rpc/errors/envelope-response.js";
import { errorHeaders } from "../../rpc/errors/error-headers.js";
import { describeCause } from "../../rpc/errors/failure-log.js";
import type { Handler } from "../../rpc/protocols/handlers.js";
import { onePiece } from "../../rpc/protocols/one-piece.js";
import { isStreamed } from "../../rpc/protocols/streamed-answer.js";
import type { BodyBudget } from "../body-budget.js";
import { boundAnswer, boundRequest } from "./deadlines.js";
import { answer, openServiceExchange, type ServiceExchange, toUniversalRequest } from "./exchange.js";
import type { ServiceLimits } from "./limits.js";
import { openSink } from "./sink.js";

export interface ServiceRoutesOptions {
  readonly handlers: readonly Handler[];
  readonly bodies: BodyBudget;
  readonly limits: ServiceLimits;
  /** Returns the body of `GET /metrics`. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Whether the node shuts down, so that each answer asks its HTTP/1.1 client to leave. */
  readonly closing: () => boolean;
  readonly logger: Logger;
}

/** Serves one call. `authenticated` is true when the call came with a valid token. */
export type ServeCall = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  authenticated: boolean,
) => void;

export function createServiceRoutes(options: ServiceRoutesOptions): ServeCall {
  const { handlers, bodies, limits, metrics, closing, logger } = options;
  const routes = new Map(handlers.map((handler) => [handler.path, handler]));

  async function readMetrics(method: string | undefined): Promise<UniversalServerResponse> {
    if (method !== "GET" && method !== "HEAD")
      return envelopeResponse(new AppError("METHOD_NOT_ALLOWED"), { headers: { allow: "GET, HEAD" } });
    const { contentType, text } = await metrics();
    return { status: 200, header: new Headers({ "content-type": contentType }), body: onePiece(Buffer.from(text)) };
  }

  /** Resolves when the answer is handed over. A stream of frames has then begun, and delivery bounds it. */
  async function serve(exchange: ServiceExchange, authenticated: boolean): Promise<void> {
    const { request, signal } = exchange;
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const handler = routes.get(path);
    const kind = handler?.method.methodKind;
    boundRequest(exchange, {
      limits,
      authenticated,
      ofRequests: kind === "bidi_streaming" || kind === "client_streaming",
    });
    if (handler === undefined) {
      const response = path === "/metrics" ? await readMetrics(request.method) : unknownPath(request);
      await answer(exchange, response, { whole: true, last: closing() });
      boundAnswer(exchange, limits.answerMs);
      return;
    }
    const whole = handler.method.methodKind === "unary";
    const hold = whole ? bodies.open() : bodies.openStream();
    try {
      const response = await handler.handle(
        toUniversalRequest(exchange, path, hold),
        request.socket.remoteAddress ?? "unknown",
        hold,
      );
      if (!isStreamed(response)) {
        await answer(exchange, response, { whole, last: closing() });
        boundAnswer(exchange, limits.answerMs);
      } else if (signal.aborted) response.giveUp();
      else response.start(openSink(exchange, response.header, closing()));
    } finally {
      hold.release();
    }
  }

  return (request, response, authenticated) => {
    const exchange = openServiceExchange(request, response, authenticated ? undefined : limits.answerMs);
    serve(exchange, authenticated).catch((error: unknown) => {
      if (exchange.signal.aborted) return;
      logger.error({ err: describeCause(error) }, "answer on the service port failed");
      if (response.headersSent) response.destroy();
      else
        answer(exchange, envelopeResponse(new AppError("INTERNAL")), { whole: true, last: true }).catch(() =>
          response.destroy(),
        );
    });
  };
}

/**
 * Makes the answer to a call on an unknown path. A gRPC client gets a gRPC status, because gRPC clients do not read
 * HTTP error pages.
 */
function unknownPath({ headers }: ServiceExchange["request"]): UniversalServerResponse {
  const refusal = new AppError("NOT_FOUND");
  const contentType = headers["content-type"] ?? "";
  if (!/^application\/grpc(\+|;|$)/i.test(contentType)) return envelopeResponse(refusal, { accept: headers.accept });
  const status = { "grpc-status": String(Code.Unimplemented), "grpc-message": refusal.message };
  return {
    status: 200,
    header: new Headers({ "content-type": contentType }),
    trailer: new Headers({ ...status, ...errorHeaders(refusal) }),
  };
}
