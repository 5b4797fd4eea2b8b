/** The answer of a call on the service port as a stream to which frames are written. */

import type { ServerResponse } from "node:http";
import { constants, Http2ServerResponse } from "node:http2";
import type { AnswerSink } from "../../rpc/protocols/streamed-answer.js";
import { WritableAnswer } from "../writable-answer.js";
import { type ServiceExchange, toNodeHeaders } from "./exchange.js";
import { pingSession } from "./session-ping.js";

/** Sends status and headers. `last` asks an HTTP/1.1 client to leave afterwards. */
export function openSink({ response }: ServiceExchange, header: Headers, last: boolean): AnswerSink {
  const headers = toNodeHeaders(header);
  if (response instanceof Http2ServerResponse) return openHttp2(response, headers);
  if (last) headers.connection = "close";
  response.writeHead(200, headers);
  response.flushHeaders();
  const writable = new NodeAnswer(response);
  return {
    writable,
    ping: (answered) => writable.ping(answered),
    answersPings: false,
    finish: (bytes) => writable.finish(bytes),
    cut: () => void writable.destroy(),
  };
}

function openHttp2(response: Http2ServerResponse, headers: Record<string, string>): AnswerSink {
  response.writeHead(200, headers);
  const { stream } = response;
  return {
    writable: stream,
    ping: (answered) => pingSession(stream.session, answered),
    answersPings: true,
    finish(bytes, trailer) {
      if (trailer !== undefined) response.addTrailers(toNodeHeaders(trailer));
      if (bytes.length > 0) stream.write(bytes);
      response.end();
    },
    // To clients of gRPC this code says that they did not read: RESOURCE_EXHAUSTED.
    cut: () => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
  };
}

/**
 * While it is corked, a response of Node.js neither says that it needs to drain nor leaves in one write. So what was written
 * together is handed to it together, and it is asked for nothing but when the kernel has taken that.
 */
class NodeAnswer extends WritableAnswer {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    super();
    this.#response = response;
    response.once("close", () => this.destroy());
  }

  protected send(pieces: readonly Buffer[], done: (error?: Error | null) => void): void {
    const last = pieces.length - 1;
    for (const [index, piece] of pieces.entries()) {
      if (index === last) this.#response.write(piece, done);
      else this.#response.write(piece);
    }
  }

  protected complete(): void {
    this.#response.end();
  }

  protected abandon(): void {
    if (!this.#response.writableEnded) this.#response.destroy();
  }
}
