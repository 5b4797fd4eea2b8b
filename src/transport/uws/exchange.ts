/** An exchange is one request on the public port together with its one answer. */

import { STATUS_CODES } from "node:http";
import type { Logger } from "pino";
import { AppError } from "../../domain/errors.js";
import type { Credentials, RateStatus } from "../../rpc/api.js";
import { errorAnswer } from "../../rpc/errors/error-answer.js";
import { describeCause } from "../../rpc/errors/failure-log.js";
import type { BodyBudget, BodyHold } from "../body-budget.js";
import type { Cors, Header } from "../cors.js";
import type { Traffic } from "../traffic.js";
import { RequestHead } from "./request.js";
import type { HttpRequest, HttpResponse, us_socket_context_t } from "./uws.js";

/** What all exchanges of a port share. */
export interface ExchangeContext {
  readonly cors: Cors;
  readonly traffic: Traffic;
  readonly bodies: BodyBudget;
  /** Aborted when the node begins to shut down. From then on each answer ends its connection. */
  readonly draining: AbortSignal;
  readonly logger: Logger;
}

const json = "application/json; charset=utf-8";

/** How long, in ms, an answer that ends its connection waits until the client has sent its whole body. */
const bodyMsMax = 10_000;

export function statusLine(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? "Unknown"}`;
}

/** The result of work. The work returns a promise only when it has to wait. */
export type Waited = Promise<void> | void;

/** Serves a request. May read `req` only before it first awaits something. An error that it throws is answered. */
export type Serve = (exchange: Exchange, req: HttpRequest, socketContext: us_socket_context_t | undefined) => Waited;

/**
 * Makes a handler for uWebSockets. An exception in such a handler would end the process, so every exception is
 * answered.
 */
export function exchanging(context: ExchangeContext, serve: Serve) {
  return (res: HttpResponse, req: HttpRequest, socketContext?: us_socket_context_t): void => {
    const exchange = new Exchange(context, res, req);
    exchange.attempt(() => serve(exchange, req, socketContext));
  };
}

export class Exchange implements Credentials {
  readonly head: RequestHead;
  readonly res: HttpResponse;
  /** The token from the query. Set only for requests that may have a token there. */
  queryToken: string | undefined;
  /** The ticket from the query. Set only for requests that may have a ticket there. */
  ticket: string | undefined;
  /** The state of the rate limit. The answer sends it in its headers. */
  rate: RateStatus | undefined;
  readonly #context: ExchangeContext;
  /** When the request arrived, on the clock of `performance.now()`. Undefined when requests are not logged. */
  readonly #startedAt: number | undefined;
  #onAborted: (() => void) | undefined;
  /** Whether the last byte of the body has arrived. The code that reads the body must set it. */
  bodyCame = false;
  /** Whether some code reads the body and sets `bodyCame`. */
  #bodyWatched = false;
  #hold: BodyHold | undefined;
  /** True while a handler of uWebSockets runs, because uWebSockets corks `res` around its handlers. */
  #corked = false;
  #state: "open" | "answered" | "aborted" = "open";

  constructor(context: ExchangeContext, res: HttpResponse, req: HttpRequest) {
    // Attach this first: uWebSockets ends the process when a handler throws before `onAborted` is attached.
    res.onAborted(() => this.#abort());
    this.res = res;
    this.#context = context;
    context.traffic.begin();
    if (context.logger.isLevelEnabled("debug")) this.#startedAt = performance.now();
    this.head = new RequestHead(req);
    if (this.head.hasBody && this.head.closes) this.#watchBody(() => {});
  }

  /** Whether the request waits for its answer and its client is still there. When false, `res` must not be touched. */
  get open(): boolean {
    return this.#state === "open";
  }

  /**
   * Whether the gateway ends the connection after this answer: because the node drains, or because the request is
   * ambiguous. Whether the client itself asked for the end is in `head.closes`, not here.
   */
  get last(): boolean {
    return this.#context.draining.aborted || this.head.ambiguous;
  }

  get token(): string | undefined {
    return this.head.token(this.queryToken);
  }

  /** The IP address of the client; empty when the exchange is over. Reading it costs 7 µs. */
  get remoteAddress(): string {
    return this.open ? Buffer.from(this.res.getRemoteAddressAsText()).toString("latin1") : "";
  }

  /**
   * Starts to count the bytes of the body that are kept. The count ends when the request is answered or its client has
   * gone. Set `stream` to true for a stream of messages.
   */
  holdBody(stream: boolean): BodyHold {
    this.#bodyWatched = this.head.hasBody;
    const { bodies } = this.#context;
    this.#hold = stream ? bodies.openStream() : bodies.open();
    return this.#hold;
  }

  /**
   * Resolves when the client has sent its whole body, after 10 s at the latest. Undefined when there is nothing to wait
   * for. Await it before an answer that ends the connection. With such an answer uWebSockets cuts the connection, and a
   * client that is still writing then never reads the answer.
   */
  bodySent(): Promise<void> | undefined {
    const { head } = this;
    if (this.bodyCame || !this.#bodyWatched || head.ambiguous || !this.open || !(this.last || head.closes))
      return undefined;
    this.#hold?.release();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, bodyMsMax);
      this.#watchBody(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /**
   * Calls back once when the client goes away before the answer. Calls back at once when the client has gone already.
   */
  onAborted(callback: () => void): void {
    if (this.#state === "aborted") callback();
    else this.#onAborted = callback;
  }

  /**
   * Runs the whole work of a uWebSockets handler. Call `attempt` only within the handler, because uWebSockets corks
   * `res` there. An error that `work` throws or rejects with is answered.
   */
  attempt(work: () => Waited): void {
    this.#corked = true;
    try {
      work()?.catch((error: unknown) => this.refuse(error));
    } catch (error) {
      this.refuse(error);
    } finally {
      this.#corked = false;
    }
  }

  answer(status: number, body: string | Uint8Array, headers: readonly Header[] = [], contentType = json): void {
    this.#send(status, () => {
      this.writeHead(status, headers, contentType);
      if (this.head.method === "HEAD") this.#endEmpty();
      else this.res.end(body, this.last);
    });
  }

  /** Writes the status and the headers of an answer. Call `writeHead` when you write the body to `res` yourself. */
  writeHead(status: number, headers: readonly Header[] = [], contentType = json): void {
    // uWebSockets writes the status 200 by itself.
    if (status !== 200) this.res.writeStatus(statusLine(status));
    this.res.writeHeader("Content-Type", contentType);
    this.#writeHeaders(headers);
  }

  /** Answers without a body. */
  answerEmpty(status: number, headers: readonly Header[]): void {
    this.#send(status, () => {
      this.res.writeStatus(statusLine(status));
      this.#writeHeaders(headers);
      this.#endEmpty();
    });
  }

  /** Answers with an error: in the envelope, or in a problem document when the client prefers that. */
  refuse(error: unknown, headers: readonly Header[] = []): void {
    const failure = this.report(error);
    const { contentType, body, headers: beside } = errorAnswer(failure, this.head.accept);
    this.answer(failure.status, body, [...headers, ...Object.entries(beside)], contentType);
  }

  /** Returns the error that the client sees. Logs the cause of an unexpected error; an `AppError` was logged where it was made. */
  report(error: unknown): AppError {
    if (!(error instanceof AppError))
      this.#context.logger.error({ err: describeCause(error), path: this.head.path }, "answer failed");
    return AppError.from(error);
  }

  /**
   * Writes the headers that every answer has. Call `writeSharedHeaders` when you write the head of an answer to `res`
   * yourself.
   */
  writeSharedHeaders(): void {
    for (const [name, value] of this.#context.cors.headers(this.head.origin)) this.res.writeHeader(name, value);
    if (this.rate === undefined) return;
    this.res.writeHeader("X-RateLimit-Limit", `${this.rate.limit}`);
    this.res.writeHeader("X-RateLimit-Remaining", `${this.rate.remaining}`);
    this.res.writeHeader("X-RateLimit-Reset", `${this.rate.reset}`);
  }

  /** Marks the answer as complete. Call `finish` when you wrote the answer to `res` yourself. */
  finish(status: number): void {
    if (!this.open) return;
    this.#state = "answered";
    this.#end();
    this.#log(status);
  }

  /**
   * Reads the rest of the body and throws it away. Any code that read the body before gets no more of it. Calls
   * `onLast` at the end of the body.
   */
  #watchBody(onLast: () => void): void {
    this.#bodyWatched = true;
    this.res.onData((_, isLast) => {
      if (!isLast) return;
      this.bodyCame = true;
      onLast();
    });
  }

  #send(status: number, write: () => void): void {
    // Answer an ambiguous request in the next turn of the event loop. When a request is answered in the turn that read
    // it, uWebSockets goes on to serve the rest of the segment, even if the answer ends the connection. When the
    // request still waits for its answer, uWebSockets cuts the connection instead.
    if (this.head.ambiguous) setImmediate(() => this.#write(status, write));
    else {
      const sent = this.bodySent();
      if (sent === undefined) this.#write(status, write);
      else void sent.then(() => this.#write(status, write));
    }
  }

  #write(status: number, write: () => void): void {
    if (!this.open) return;
    if (this.#corked) write();
    else this.res.cork(write);
    this.finish(status);
  }

  #writeHeaders(headers: readonly Header[]): void {
    this.writeSharedHeaders();
    for (const [name, value] of headers) this.res.writeHeader(name, value);
  }

  /**
   * Ends an answer without a body. An answer that ends the connection must announce a length, and without a body
   * uWebSockets allows only the length 0.
   */
  #endEmpty(): void {
    if (this.last) this.res.endWithoutBody(0, true);
    else this.res.endWithoutBody();
  }

  #abort(): void {
    if (!this.open) return;
    this.#state = "aborted";
    this.#end();
    this.#log("aborted");
    this.#onAborted?.();
  }

  #end(): void {
    this.#hold?.release();
    this.#context.traffic.end();
  }

  /** Logs the request at debug level. Never log the query: it may hold a token. */
  #log(status: number | "aborted"): void {
    if (this.#startedAt === undefined) return;
    const { method, path } = this.head;
    this.#context.logger.debug(
      { method, path, status, ms: Math.round(performance.now() - this.#startedAt) },
      "request",
    );
  }
}
