/** The calls of the contract as every face serves them: who may, how often, on which instance, then the method. */

import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import type { AppError } from "../domain/errors.js";
import type { Principal } from "../domain/instance.js";
import type { Answer } from "./long-answer.js";

export interface Credentials {
  /** From `token`, else `Authorization: Bearer`, else (upgrade only) the query. An empty value is absent. */
  readonly token: string | undefined;
  /** Read only when there is no valid token, within the turn of the call: asking uWebSockets for it costs 7 µs. */
  readonly remoteAddress: string;
}

/** The state of the window that a call was charged to; what the `X-RateLimit-*` headers say. */
export interface RateStatus {
  readonly limit: number;
  readonly remaining: number;
  /** Unix seconds, rounded up. */
  readonly reset: number;
}

/** What the first two checks, token and rate, found. Never a rejection: a refusal also carries its rate. */
export interface Admission {
  readonly principal: Principal | undefined;
  /** Absent where the method or its window is not limited. */
  readonly rate: RateStatus | undefined;
  /** INVALID_TOKEN, RATE_LIMITED, or GET_INSTANCE_FAILED while the directory has not been read, OUT_OF_DATE while it is stale. */
  readonly refusal: AppError | undefined;
}

export interface Api {
  /** Token and rate for a method, before its body is read. A promise only where a rate has to be looked up. */
  admit(method: DescMethod, credentials: Credentials): Admission | Promise<Admission>;
  /**
   * Token and rate for an account or instance token on a named window, for the upgrade, which is no method of the
   * contract. `MISSING_TOKEN` in place of `INVALID_TOKEN` when there is none.
   */
  admitUpgrade(bucket: Bucket, credentials: Credentials): Admission | Promise<Admission>;
  /**
   * Runs an admitted unary call: instance (404, 403), then body (400), then the method. `decode` is called only after
   * the instance was found and may throw or reject with anything: that is INVALID_REQUEST_BODY. Throws or rejects with AppError only;
   * what needs no database is answered at once, since promises were a tenth of a REST publish.
   */
  call(
    method: DescMethod,
    admission: Admission,
    instance: string | undefined,
    decode: () => Message | Promise<Message>,
  ): Answer | Promise<Answer>;
  /** Throws AppError when the call is refused, or is no stream. */
  openStream(method: DescMethod, admission: Admission): StreamCall<Message, Message>;
}

/** An admitted stream. It is over when `complete` or `fail` was called, or when nobody wants answers any more. */
export interface StreamCall<T, R> {
  /** Answers one request, at once where nothing is waited for. Throws or rejects when the stream must end. */
  answer(request: T): R | Promise<R>;
  complete(): void;
  /** What its caller is to hear of a failure, of `answer` or of the requests. */
  fail(error: unknown): AppError;
}
