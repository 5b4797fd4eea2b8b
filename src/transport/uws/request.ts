/**
 * The parts of a request's head that an answer depends on. They are copied while uWebSockets still owns the head,
 * because uWebSockets takes the head back at the end of the turn of the event loop.
 */

import { tokenFrom } from "../../rpc/admission/credentials.js";
import { type HandshakeHeaders, handshakeKey } from "./handshake.js";
import type { HttpRequest } from "./uws.js";

/** The rule that an `ambiguous` request breaks. The error that refuses the request contains it. */
export const ambiguity = {
  rule: "Host, Content-Length and Transfer-Encoding must each stand once and be readable in one way",
};

export class RequestHead {
  /** The HTTP method exactly as the client wrote it. */
  readonly method: string;
  /** The path of the request, percent-encoded and without the query. */
  readonly path: string;
  /** The query of the request without the question mark; empty when the request has no query. */
  readonly query: string;
  /** The value of the variable in the path, percent-encoded. Undefined when the route has no variable. */
  readonly variable: string | undefined;
  host = "";
  origin = "";
  accept = "";
  contentType = "";
  contentLength = "";
  /** The values of `Idempotency-Key`, joined as HTTP joins them. Undefined when the request has no such header. */
  idempotencyKey: string | undefined;
  /**
   * Whether two HTTP parsers could read this request in two ways. A request is ambiguous in these cases: it has two
   * `Host` headers; it has two headers out of `Content-Length` and `Transfer-Encoding`; its `Content-Length` is empty;
   * its coding is not `chunked`, the only coding that uWebSockets knows. uWebSockets uses the first header and serves
   * the request. We refuse the request.
   */
  ambiguous = false;
  #chunked = false;
  /** The sub-protocols that the client offers, joined by commas. */
  #subprotocols = "";
  #token = "";
  #authorization = "";
  /** The headers of a WebSocket handshake. Undefined when the request has none of these headers. */
  #handshake: HandshakeHeaders | undefined;

  constructor(req: HttpRequest) {
    this.method = req.getCaseSensitiveMethod();
    this.path = req.getUrl();
    this.query = req.getQuery() ?? "";
    this.variable = req.getParameter(0);
    let hosts = 0;
    let framings = 0;
    req.forEach((name, value) => {
      switch (name) {
        case "host":
          this.host = value;
          hosts++;
          break;
        case "content-length":
          this.contentLength = value;
          framings++;
          if (value === "") this.ambiguous = true;
          break;
        case "transfer-encoding":
          framings++;
          this.#chunked = true;
          if (value.toLowerCase() !== "chunked") this.ambiguous = true;
          break;
        case "accept":
          this.accept = this.accept === "" ? value : `${this.accept},${value}`;
          break;
        case "content-type":
          this.contentType ||= value;
          break;
        case "origin":
          this.origin ||= value;
          break;
        case "idempotency-key":
          this.idempotencyKey = this.idempotencyKey === undefined ? value : `${this.idempotencyKey}, ${value}`;
          break;
        case "token":
          this.#token ||= value;
          break;
        case "authorization":
          this.#authorization ||= value;
          break;
        case "sec-websocket-protocol":
          this.#subprotocols += `,${value}`;
          break;
        case "upgrade":
        case "connection":
          this.#addToHandshake(name, value);
          break;
        case "sec-websocket-version":
          this.#addToHandshake("version", value);
          break;
        case "sec-websocket-key":
          this.#addToHandshake("key", value);
          break;
      }
    });
    if (hosts > 1 || framings > 1) this.ambiguous = true;
  }

  /** Whether the client announced a body. */
  get hasBody(): boolean {
    return this.#chunked || Number(this.contentLength) > 0;
  }

  /** Whether the client wants the connection to end after the answer (`Connection: close`). */
  get closes(): boolean {
    return /\bclose\b/i.test(this.#handshake?.connection ?? "");
  }

  /** The `Sec-WebSocket-Key` if the request is a correct WebSocket handshake, otherwise undefined. */
  get handshakeKey(): string | undefined {
    return this.#handshake && handshakeKey(this.#handshake);
  }

  /** Whether the client offers this sub-protocol. Names are compared exactly, as browsers compare the answer. */
  offersSubprotocol(name: string): boolean {
    return this.#subprotocols !== "" && this.#subprotocols.split(",").some((offered) => offered.trim() === name);
  }

  /**
   * Returns the token of the request: from the header `token`, else from `Authorization: Bearer`, else `query`. `query`
   * is the token in the URL; only an upgrade may have one there. Undefined when there is none.
   */
  token(query?: string | undefined): string | undefined {
    return tokenFrom(this.#token, this.#authorization, query);
  }

  #addToHandshake(header: keyof HandshakeHeaders, value: string): void {
    this.#handshake ??= { upgrade: undefined, connection: undefined, version: undefined, key: undefined };
    const known = this.#handshake[header];
    this.#handshake[header] = known === undefined ? value : `${known},${value}`;
  }
}
