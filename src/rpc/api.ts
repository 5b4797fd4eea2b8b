/** The calls of the contract as every protocol serves them: first token, rate limit and instance, then the method. */

import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import type { AppError } from "../domain/errors.js";
import type { Principal } from "../domain/instance.js";
import type { Answer } from "./methods/long-answer.js";

export interface Credentials {
  /**
   * The token from the header `token`, else from `Authorization: Bearer`, else (upgrade only) from the query. An empty
   * value counts as absent.
   */
  readonly token: string | undefined;
  /**
   * Read it only when there is no valid token, and within the turn of the call: to ask uWebSockets for it costs 7 µs.
   */
  readonly remoteAddress: string;
}

/** The state of the window that a call was charged to. The `X-RateLimit-*` headers say it. */
export interface RateStatus {
  readonly limit: number;
  readonly remaining: number;
  /** Unix time in seconds, rounded up. */
  readonly reset: number;
}

/**
 * The result of the first two checks, token and rate limit. A refusal is a result too and no rejection, because it also
 * carries its rate.
 */
export interface Admission {
  readonly principal: Principal | undefined;
  /** Absent when the method has no rate limit or its bucket is off. */
  readonly rate: RateStatus | undefined;
  /**
   * INVALID_TOKEN; RATE_LIMITED; GET_INSTANCE_FAILED while the directory has not been read; OUT_OF_DATE while it is
   * stale.
   */
  readonly refusal: AppError | undefined;
}

export interface Api {
  /**
   * Checks token and rate limit for a method, before its body is read. Returns a promise only when a rate has to be
   * looked up.
   */
  admit(method: DescMethod, credentials: Credentials): Admission | Promise<Admission>;
  /**
   * Checks token and rate limit for an upgrade, which is no method of the contract. Accepts the token of an account or
   * of an instance. Without a token the refusal is `MISSING_TOKEN` and not `INVALID_TOKEN`.
   */
  admitUpgrade(bucket: Bucket, credentials: Credentials): Admission | Promise<Admission>;
  /**
   * Runs an admitted unary call: first the instance (404, 403), then the body (400), then the method. `decode` is
   * called only after the instance was found. It may throw or reject with anything, which becomes INVALID_REQUEST_BODY.
   * Throws or rejects with AppError only. A call that needs no database is answered without a promise, because promises
   * were a tenth of a REST publish.
   */
  call(
    method: DescMethod,
    admission: Admission,
    instance: string | undefined,
    decode: () => Message | Promise<Message>,
  ): Answer | Promise<Answer>;
  /** Throws AppError when the call is refused or the method is no stream. */
  openStream(method: DescMethod, admission: Admission): StreamCall<Message, Message>;
}

/** An admitted stream. It is over when `complete` or `fail` was called, or when its caller wants no more answers. */
export interface StreamCall<T, R> {
  /**
   * Answers one request, without a promise when there is nothing to wait for. Throws or rejects when the stream must
   * end.
   */
  answer(request: T): R | Promise<R>;
  complete(): void;
  /** The error to send for a failure of `answer` or of the requests. */
  fail(error: unknown): AppError;
}
