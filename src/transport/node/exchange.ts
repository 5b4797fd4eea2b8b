/** Converts an HTTP request on the service port for the RPC handlers, and sends their response back over HTTP. */

import type { IncomingMessage, ServerResponse } from "node:http";
import {
  constants,
  Http2ServerRequest,
  Http2ServerResponse,
  type Http2Stream,
  type ServerHttp2Stream,
} from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { BodyHold } from "../body-budget.js";
import { NodeBody } from "./body.js";
import { firstValue } from "./first-value.js";

export interface ServiceExchange {
  readonly request: IncomingMessage | Http2ServerRequest;
  readonly response: ServerResponse | Http2ServerResponse;
  /** Aborted when the client leaves before its answer is complete. */
  readonly signal: AbortSignal;
  /**
   * Longest time for which the client may take nothing of a stream of answers, in milliseconds. Undefined when there is
   * no limit.
   */
  readonly stallMs: number | undefined;
}

export function openServiceExchange(
  request: ServiceExchange["request"],
  response: ServiceExchange["response"],
  stallMs: number | undefined,
): ServiceExchange {
  const controller = new AbortController();
  const sink = sinkOf(response);
  sink.once("close", () => {
    if (!sink.writableFinished) controller.abort(new ConnectError("the client is gone", Code.Canceled));
  });
  // A connection that the client cuts is a normal end. Without these listeners the error would end the process.
  request.on("error", () => {});
  response.on("error", () => {});
  return { request, response, signal: controller.signal, stallMs };
}

/**
 * Converts an HTTP request to the form that the RPC handlers take. Only the path comes from the request target, so that
 * nothing depends on the host that the client names.
 */
export function toUniversalRequest(
  { request, signal }: ServiceExchange,
  path: string,
  hold: BodyHold,
): UniversalServerRequest {
  const header = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) header.append(name, one);
  }
  for (const name of ["token", "authorization"] as const) {
    const value = request.headers[name] === undefined ? undefined : firstValue(request, name);
    if (value !== undefined) header.set(name, value);
  }
  return {
    httpVersion: request.httpVersion,
    method: request.method ?? "",
    url: `http://eventwire${path}`,
    header,
    body: new NodeBody(sourceOf(request), hold),
    signal,
  };
}

/** Ends the exchange at once: resets the HTTP/2 stream, or destroys the HTTP/1.1 connection. */
export function cut({ request, response }: ServiceExchange): void {
  if (response instanceof Http2ServerResponse) response.stream.close(constants.NGHTTP2_CANCEL);
  else request.socket.destroy();
}

/**
 * Returns the Node.js stream that carries the answer. Over HTTP/2 that is not the response object, because the response
 * emits `finish` also for a stream that was reset.
 */
export function sinkOf(response: ServiceExchange["response"]): ServerResponse | ServerHttp2Stream {
  return response instanceof Http2ServerResponse ? response.stream : response;
}

/** Returns the Node.js stream that carries the body of the request. */
export function sourceOf(request: ServiceExchange["request"]): IncomingMessage | Http2Stream {
  return request instanceof Http2ServerRequest ? request.stream : request;
}

/**
 * Sends the answer. Resolves when the answer is handed over to Node.js, or the client has gone. With `whole` the body
 * goes out in one write; otherwise each piece goes out when it is ready. `last` asks an HTTP/1.1 client to close its
 * connection.
 */
export async function answer(
  exchange: ServiceExchange,
  { status, header, body, trailer }: UniversalServerResponse,
  { whole, last }: { whole: boolean; last: boolean },
): Promise<void> {
  const { request, response, signal } = exchange;
  const headers = toNodeHeaders(header);
  if (last && !(response instanceof Http2ServerResponse)) headers.connection = "close";
  const pieces = body?.[Symbol.asyncIterator]();
  try {
    if (whole) {
      const bytes = await collect(pieces);
      if (last || !keptAlive(response)) await bodySent(request);
      if (signal.aborted) return;
      if (trailer === undefined) headers["content-length"] = String(bytes.length);
      response.writeHead(status, headers);
      if (trailer !== undefined) response.addTrailers(toNodeHeaders(trailer));
      discardRest(request, response);
      response.end(bytes);
    } else {
      // The headers go out with the first piece of the body, because the method may set headers until then.
      for (let piece = await pieces?.next(); ; piece = await pieces?.next()) {
        if (signal.aborted) return;
        if (!response.headersSent) response.writeHead(status, headers);
        if (piece === undefined || piece.done) break;
        if (!write(response, piece.value)) await drained(exchange);
      }
      if (trailer !== undefined) response.addTrailers(toNodeHeaders(trailer));
      discardRest(request, response);
      response.end();
    }
  } finally {
    void pieces?.return?.().catch(() => {});
  }
}

/** Whether the client wants to keep the connection open after this answer. */
function keptAlive(response: ServiceExchange["response"]): boolean {
  return response instanceof Http2ServerResponse || response.shouldKeepAlive;
}

/**
 * Resolves when the client has sent its whole body. When an answer ends the connection, Node.js cuts the connection
 * even if the client still sends. A client that writes into a cut connection never reads the answer. The deadline of
 * the request limits this wait.
 */
function bodySent(request: ServiceExchange["request"]): Promise<void> | undefined {
  if (request instanceof Http2ServerRequest || request.readableEnded || request.destroyed) return undefined;
  return new Promise((resolve) => {
    request.once("end", resolve);
    request.once("close", resolve);
    request.resume();
  });
}

export function toNodeHeaders(headers: Headers | undefined): Record<string, string> {
  return Object.fromEntries(headers ?? []);
}

async function collect(pieces: AsyncIterator<Uint8Array> | undefined): Promise<Uint8Array> {
  const found: Uint8Array[] = [];
  for (let piece = await pieces?.next(); piece && !piece.done; piece = await pieces?.next()) found.push(piece.value);
  return found.length === 1 && found[0] !== undefined ? found[0] : Buffer.concat(found);
}

function write(response: ServiceExchange["response"], bytes: Uint8Array): boolean {
  return response instanceof Http2ServerResponse ? response.write(bytes) : response.write(bytes);
}

function drained(exchange: ServiceExchange): Promise<void> {
  const { response, signal, stallMs } = exchange;
  return new Promise((resolve) => {
    const timer = stallMs === undefined ? undefined : setTimeout(() => cut(exchange), stallMs);
    const done = (): void => {
      clearTimeout(timer);
      response.off("drain", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    response.once("drain", done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}

/**
 * Discards the rest of the request body that nobody has read. Over HTTP/1.1 the rest is read and ignored. Over HTTP/2 a
 * reset of the stream tells the client to stop sending.
 */
function discardRest(request: ServiceExchange["request"], response: ServiceExchange["response"]): void {
  if (sourceOf(request).readableEnded) return;
  if (!(response instanceof Http2ServerResponse)) {
    request.resume();
    return;
  }
  const { stream } = response;
  // The stream is closed in the next turn of the event loop. An earlier reset would overtake the trailers, which the
  // response sends on the same event.
  stream.once("wantTrailers", () => setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR)));
}
