/**
 * Serves Connect and gRPC-Web over HTTP/1.1: hands requests of the public port to the RPC handlers. When the client or
 * the handler reads slowly, the other one has to wait.
 */

import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { AppError } from "../../domain/errors.js";
import type { Handler } from "../../rpc/protocols/handlers.js";
import { isStreamed, type StreamedAnswer } from "../../rpc/protocols/streamed-answer.js";
import type { BodyHold } from "../body-budget.js";
import { answerPieces } from "./answer-pieces.js";
import { bodyStream } from "./body-stream.js";
import { type Exchange, statusLine } from "./exchange.js";
import { ambiguity } from "./request.js";
import { openSink } from "./sink.js";
import type { HttpRequest } from "./uws.js";

/** Serves one request with an RPC handler, and always answers it. */
export async function serveRpc(handler: Handler, exchange: Exchange, req: HttpRequest): Promise<void> {
  const { head, remoteAddress } = exchange;
  const abort = lazyAbort();
  const hold = exchange.holdBody(handler.method.methodKind !== "unary");
  const body = bodyStream(exchange, hold);
  exchange.onAborted(() => {
    body.fail(new Error("The client went away."));
    abort.abort();
  });
  const header = copyHeaders(req);
  if (head.ambiguous) {
    exchange.refuse(new AppError("INVALID_REQUEST", ambiguity));
    body.discard();
    return;
  }
  const query = head.query === "" ? "" : `?${head.query}`;
  const request: UniversalServerRequest = {
    httpVersion: "1.1",
    // The handlers use only the path and the query of this URL. `localhost` stands for the client's `Host`, which may
    // not even be a valid name.
    url: `http://localhost${head.path}${query}`,
    method: head.method,
    header,
    body,
    get signal() {
      return abort.signal;
    },
  };
  try {
    const response = await handler.handle(request, remoteAddress, hold);
    // Read the body to its end before the answer, because a paused request cannot be resumed after its answer.
    if (handler.method.methodKind !== "bidi_streaming") {
      body.discard();
      if (!isStreamed(response)) await exchange.bodySent();
    }
    if (isStreamed(response)) startStream(exchange, response, hold);
    else await respond(exchange, response, abort);
  } finally {
    body.discard();
  }
}

/** The message was read, so its bytes are held no longer: the stream may stay open for days. */
function startStream(exchange: Exchange, answer: StreamedAnswer, hold: BodyHold): void {
  hold.release();
  if (exchange.open) answer.start(openSink(exchange, () => writeHead(exchange, 200, answer.header)));
  else answer.giveUp();
}

/** Writes status and headers, within a cork. */
function writeHead(exchange: Exchange, status: number, header: Headers | undefined): void {
  exchange.res.writeStatus(statusLine(status));
  exchange.writeSharedHeaders();
  header?.forEach((value, name) => {
    if (name !== "content-length") exchange.res.writeHeader(name, value);
  });
}

/**
 * Makes an abort controller when its signal is first asked for. A controller takes 6 µs, and a refused call never asks
 * for the signal.
 */
function lazyAbort(): Pick<AbortController, "signal" | "abort"> {
  let controller: AbortController | undefined;
  let aborted = false;
  return {
    get signal() {
      controller ??= new AbortController();
      if (aborted) controller.abort();
      return controller.signal;
    },
    abort() {
      aborted = true;
      controller?.abort();
    },
  };
}

/**
 * Copies the headers of a request. When the request has two tokens, the first one counts, as over REST. A character
 * beyond Latin-1 becomes `?`, because `Headers` does not accept it. No header that we read may have such a character.
 */
function copyHeaders(req: HttpRequest): Headers {
  const header = new Headers();
  req.forEach((name, value) => {
    if ((name === "token" || name === "authorization") && (value === "" || header.has(name))) return;
    header.append(name, value.replace(/[^\0-\xff]/g, "?"));
  });
  return header;
}

async function respond(
  exchange: Exchange,
  { status, header, body }: UniversalServerResponse,
  abort: Pick<AbortController, "signal">,
): Promise<void> {
  const chunks = body?.[Symbol.asyncIterator]();
  try {
    const first = await chunks?.next();
    // Look for a second chunk before the first one is written. A unary answer has only one chunk, and is then sent
    // without the chunked encoding.
    const second = first?.done === false ? await chunks?.next() : undefined;
    if (!exchange.open) return;
    const { res } = exchange;
    const start = (): void => writeHead(exchange, status, header);
    if (first === undefined || first.done || second === undefined || second.done) {
      res.cork(() => {
        start();
        if (first === undefined || first.done) res.end("", exchange.last);
        else res.end(first.value, exchange.last);
      });
      exchange.finish(status);
    } else {
      const pieces = [first.value, second.value];
      await answerPieces(exchange, status, start, joined(pieces, chunks as AsyncIterator<Uint8Array>), abort.signal);
    }
  } finally {
    await chunks?.return?.();
  }
}

async function* joined(looked: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* looked;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}
