/**
 * The interface through which every protocol runs the calls of the contract: first token, rate limit and instance, then
 * the method.
 */

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
   * The address of the caller. Read this property only when there is no valid token, and only in the turn of the event
   * loop in which the call began. To ask uWebSockets for the address costs 7 µs.
   */
  readonly remoteAddress: string;
}

/** The state of the rate-limit window to which a call was charged. The `X-RateLimit-*` headers carry these values. */
export interface RateStatus {
  readonly limit: number;
  readonly remaining: number;
  /** When the window ends, as Unix time in seconds, rounded up. */
  readonly reset: number;
}

/**
 * The result of the first two checks of a call, token and rate limit. A refusal is part of the result and not a
 * rejection, because a refused call also has a rate.
 */
export interface Admission {
  readonly principal: Principal | undefined;
  /** Undefined when the call was not charged to a rate limit. */
  readonly rate: RateStatus | undefined;
  /**
   * The error that refuses the call; undefined when the call is admitted. It is INVALID_TOKEN, MISSING_TOKEN (upgrade
   * only), RATE_LIMITED, GET_INSTANCE_FAILED while the directory has not been read, or OUT_OF_DATE while the directory
   * is stale.
   */
  readonly refusal: AppError | undefined;
}

export interface Api {
  /**
   * Checks token and rate limit of a call to `method`, before the body is read. Returns a promise only when a rate
   * limit is charged.
   */
  admit(method: DescMethod, credentials: Credentials): Admission | Promise<Admission>;
  /**
   * Checks token and rate limit of an upgrade, which is no method of the contract. Accepts the token of an account or
   * of an instance. When there is no token, the refusal is `MISSING_TOKEN` and not `INVALID_TOKEN`.
   */
  admitUpgrade(bucket: Bucket, credentials: Credentials): Admission | Promise<Admission>;
  /**
   * Runs an admitted unary call: finds the instance (or fails with 404 or 403), decodes the body (or fails with 400),
   * then runs the method. `decode` is called only after the instance was found. An error of `decode` that is no
   * AppError becomes INVALID_REQUEST_BODY. Throws or rejects with AppError only. A call that needs no database returns
   * no promise, because promises took a tenth of the time of a REST publish.
   */
  call(
    method: DescMethod,
    admission: Admission,
    instance: string | undefined,
    decode: () => Message | Promise<Message>,
  ): Answer | Promise<Answer>;
  /** Opens an admitted stream. Throws AppError when the call is refused or `method` is no stream. */
  openStream(method: DescMethod, admission: Admission): StreamCall<Message, Message>;
}

/**
 * An admitted stream. The stream is over when `complete` or `fail` was called, or when the protocol wants no more
 * answers.
 */
export interface StreamCall<T, R> {
  /**
   * Answers one request. Returns no promise when there is nothing to wait for. Throws or rejects when the stream must
   * end.
   */
  answer(request: T): R | Promise<R>;
  complete(): void;
  /** Turns an error of `answer`, or of reading the requests, into the error that the client gets. */
  fail(error: unknown): AppError;
}
