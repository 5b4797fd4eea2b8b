/**
 * The interface through which every protocol runs the calls of the contract. `admit` checks token and rate limit. Then
 * `call` runs a unary call, `subscribe` prepares a stream of frames, or `openStream` opens a call that streams
 * requests, such as PublishEvents.
 */

import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import type { AppError } from "../domain/errors.js";
import type { Principal } from "../domain/instance.js";
import type { Grant } from "../service/tickets.js";
import type { Answer } from "./methods/long-answer.js";
import type { Subscription } from "./streams/subscribing.js";

export interface Credentials {
  /**
   * The token from the header `token`, else from `Authorization: Bearer`, else (upgrade only) from the query. An empty
   * value counts as absent.
   */
  readonly token: string | undefined;
  /** The ticket that stands in place of a token (upgrade and Subscribe only). It counts when there is no token. */
  readonly ticket?: string | undefined;
  /**
   * The address of the caller. Read this property only when there is no valid token, because to ask uWebSockets for the
   * address costs 7 µs. Read it before you wait for anything, because it is empty once the caller has gone.
   */
  readonly remoteAddress: string;
}

/** The state of the rate-limit window that counts a call. The `X-RateLimit-*` headers carry these values. */
export interface RateStatus {
  /** How many calls, or events, the window allows. */
  readonly limit: number;
  /** How many calls, or events, are left in the window after this call. */
  readonly remaining: number;
  /** When the window ends, as Unix time in seconds, rounded up. */
  readonly reset: number;
}

/**
 * The result of the first two checks of a call, token and rate limit. A refusal is part of the result and not a
 * rejection, because a refused call also has a rate.
 */
export interface Admission {
  /** Who calls. Undefined when anybody may call the method, or when the token was not accepted. */
  readonly principal: Principal | undefined;
  /** The window that counts the call; for a stream its state, without a charge. Undefined when no window counts it. */
  readonly rate: RateStatus | undefined;
  /**
   * The error that refuses the call; undefined when the call is admitted. It is INVALID_TOKEN, MISSING_TOKEN (upgrade
   * only), RATE_LIMITED, GET_INSTANCE_FAILED while the directory has not been read, OUT_OF_DATE while the directory is
   * stale, or TICKETS_UNAVAILABLE (only with a ticket).
   */
  readonly refusal: AppError | undefined;
  /** What the caller's ticket opens. Absent for a caller with a token. */
  readonly grant?: Grant | undefined;
}

export interface Api {
  /**
   * Checks token and rate limit of a call to `method`, before the body is read. Returns a promise only when a rate
   * limiter is asked: when a rate limit counts the call, and when the call has no valid token. A ticket in place of a
   * token is used up. Pass one only for a method that takes tickets.
   */
  admit(method: DescMethod, credentials: Credentials): Admission | Promise<Admission>;
  /**
   * Checks token and rate limit of an upgrade, which is no method of the contract. Accepts the token of an account or
   * of an instance, or a ticket, which is then used up. When there is neither token nor ticket, the refusal is
   * `MISSING_TOKEN` and not `INVALID_TOKEN`. A caller over its rate limit gets `RATE_LIMITED` in place of both.
   */
  admitUpgrade(bucket: Bucket, credentials: Credentials): Admission | Promise<Admission>;
  /**
   * Runs a unary call. When `admission` has a refusal, fails with that. Otherwise finds the instance (or fails with 404
   * or 403), decodes and checks the request (or fails with 400), then runs the method. `decode` is called only after
   * the instance was found. An error of `decode` that is no AppError becomes INVALID_REQUEST_BODY. Throws or rejects
   * with AppError only. Returns no promise when there was nothing to wait for, because promises took a tenth of the
   * time of a REST publish.
   */
  call(
    method: DescMethod,
    admission: Admission,
    instance: string | undefined,
    decode: () => Message | Promise<Message>,
  ): Answer | Promise<Answer>;
  /**
   * Checks a call that asks for a stream of frames. When `admission` has a refusal, fails with that. Otherwise checks
   * the instance (or fails with 404 or 403), then the rules of the request (or fails with 400) and the channel. Rejects
   * with AppError only. The caller must start or give up the subscription.
   */
  subscribe(method: DescMethod, admission: Admission, request: Message): Promise<Subscription>;
  /**
   * Opens a call that streams messages. Throws AppError when `admission` has a refusal, or `method` takes one request.
   */
  openStream(method: DescMethod, admission: Admission): StreamCall<Message, Message>;
}

/**
 * An admitted call that streams messages. It is over when `complete` or `fail` was called, or when the protocol wants
 * no more answers.
 */
export interface StreamCall<T, R> {
  /**
   * Answers one request. Returns no promise when there is nothing to wait for. Throws or rejects when the stream must
   * end; give that error to `fail`.
   */
  answer(request: T): R | Promise<R>;
  /** Call `complete` when the last request was answered and the stream ends without an error. */
  complete(): void;
  /** Turns an error of `answer`, or of reading the requests, into the error that the client gets. */
  fail(error: unknown): AppError;
}
