/** The parts of a request's head that an answer depends on. They are copied while uWebSockets still owns the head. */

import { tokenFrom } from "../../rpc/admission/credentials.js";
import { type HandshakeHeaders, handshakeKey } from "./handshake.js";
import type { HttpRequest } from "./uws.js";

/** The rule for a request that is `ambiguous`. */
export const ambiguity = {
  rule: "Host, Content-Length and Transfer-Encoding must each stand once and be readable in one way",
};

export class RequestHead {
  /** As it was sent, with its case. */
  readonly method: string;
  /** Percent-encoded, without the query. */
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
  /** The variable of the path, percent-encoded. */
  readonly variable: string | undefined;
  host = "";
  origin = "";
  accept = "";
  contentType = "";
  contentLength = "";
  /**
   * Whether two parsers could read this request in two ways: `Host`, `Content-Length` or `Transfer-Encoding` stands
   * twice, or the coding is not `chunked`, the only one that uWebSockets knows. uWebSockets takes the first value and
   * goes on. We refuse the request.
   */
  ambiguous = false;
  #chunked = false;
  #token = "";
  #authorization = "";
  /** Absent when the request has no header of a handshake. */
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
        case "token":
          this.#token ||= value;
          break;
        case "authorization":
          this.#authorization ||= value;
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

  get hasBody(): boolean {
    return this.#chunked || Number(this.contentLength) > 0;
  }

  /** The client wants the connection to end with the answer. */
  get closes(): boolean {
    return /\bclose\b/i.test(this.#handshake?.connection ?? "");
  }

  /** The `Sec-WebSocket-Key` of a correct handshake, else undefined. */
  get handshakeKey(): string | undefined {
    return this.#handshake && handshakeKey(this.#handshake);
  }

  /** `query` is the token of the query, for requests that may have one there. */
  token(query?: string | undefined): string | undefined {
    return tokenFrom(this.#token, this.#authorization, query);
  }

  #addToHandshake(header: keyof HandshakeHeaders, value: string): void {
    this.#handshake ??= { upgrade: undefined, connection: undefined, version: undefined, key: undefined };
    const known = this.#handshake[header];
    this.#handshake[header] = known === undefined ? value : `${known},${value}`;
  }
}
