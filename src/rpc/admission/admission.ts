/** The first two checks of every call and every upgrade: the token or the ticket, then the rate limit. */

import type { DescMethod } from "@bufbuild/protobuf";
import { Bucket, Caller } from "../../../gen/eventwire/v1/policy_pb.js";
import type { Directory } from "../../directory/directory.js";
import { AppError, type Reason } from "../../domain/errors.js";
import type { Principal } from "../../domain/instance.js";
import type { Tickets } from "../../service/tickets.js";
import type { Admission, Api, Credentials, RateStatus } from "../api.js";
import type { Policies } from "../policy.js";
import { windowSeconds } from "../rate-limit/fixed-windows.js";
import type { RateLimiter } from "../rate-limit/rate-limiter.js";
import { remoteKey } from "./remote-key.js";

const admittedAnyone: Admission = { principal: undefined, rate: undefined, refusal: undefined };

export function createAdmission(options: {
  directory: Directory;
  limiter: RateLimiter;
  policies: Policies;
  tickets: Pick<Tickets, "redeem">;
}): Pick<Api, "admit" | "admitUpgrade"> {
  const { directory, limiter, policies, tickets } = options;

  /**
   * Checks the token and then the rate limit. `points` says how much the call is charged: 0 for a stream of requests,
   * because opening such a stream is free and each of its events is charged.
   */
  function check(
    accepts: (principal: Principal) => boolean,
    bucket: Bucket,
    points: number,
    credentials: Credentials,
    missing: Reason,
  ): Admission | Promise<Admission> {
    const { token, ticket } = credentials;
    if (token === undefined && ticket === undefined) return refuseStranger(bucket, credentials, missing);
    if (directory.stale) return refused(outOfDate());
    if (!directory.ready) return refused(new AppError("GET_INSTANCE_FAILED"));
    if (token === undefined) return checkTicket(bucket, points, credentials);
    const principal = directory.principal(token);
    if (principal === undefined || !accepts(principal)) return refuseStranger(bucket, credentials, "INVALID_TOKEN");
    if (!limiter.isOn(bucket)) return { principal, rate: undefined, refusal: undefined };
    return charge(bucket, points, principal);
  }

  /** Uses the ticket up. Whoever has a valid ticket is charged as the holder of its token. */
  async function checkTicket(
    bucket: Bucket,
    points: number,
    { ticket = "", remoteAddress }: Credentials,
  ): Promise<Admission> {
    const redeemed = await tickets.redeem(ticket).catch(AppError.from);
    if (redeemed instanceof AppError) return refused(redeemed);
    if (redeemed === undefined) return refuseStranger(bucket, { remoteAddress }, "INVALID_TOKEN");
    const { principal } = redeemed;
    return { ...(await charge(bucket, points, principal)), grant: redeemed };
  }

  async function charge(bucket: Bucket, points: number, principal: Principal): Promise<Admission> {
    const charge = await limiter.charge(bucket, rateKey(principal), points);
    const refusal = charge !== undefined && charge.granted < points ? rateLimited(charge.status) : undefined;
    return { principal, rate: charge?.status, refusal };
  }

  /**
   * Refuses a call without a valid token, with `reason` or, over the rate limit, with RATE_LIMITED. The call is charged
   * to its remote address, because guessing tokens must be limited: in the bucket of the method, or in GLOBAL when that
   * bucket is PUBLISH and is off.
   */
  async function refuseStranger(
    bucket: Bucket,
    { remoteAddress }: Pick<Credentials, "remoteAddress">,
    reason: Reason,
  ): Promise<Admission> {
    const charged = bucket === Bucket.PUBLISH && !limiter.isOn(bucket) ? Bucket.GLOBAL : bucket;
    const charge = await limiter.charge(charged, remoteKey(remoteAddress));
    const refusal = charge !== undefined && charge.granted === 0 ? rateLimited(charge.status) : new AppError(reason);
    return { principal: undefined, rate: charge?.status, refusal };
  }

  return {
    admit(method: DescMethod, credentials) {
      const policy = policies.get(method);
      if (policy === undefined) throw new Error(`${method.name} is no method of the contract`);
      if (policy.caller === Caller.ANYONE) return admittedAnyone;
      const accepts = policy.caller === Caller.ACCOUNT ? isAccount : isAny;
      const points = method.methodKind === "unary" || method.methodKind === "server_streaming" ? 1 : 0;
      return check(accepts, policy.bucket, points, credentials, "INVALID_TOKEN");
    },
    admitUpgrade(bucket, credentials) {
      return check(isAny, bucket, 1, credentials, "MISSING_TOKEN");
    },
  };
}

function refused(refusal: AppError): Admission {
  return { principal: undefined, rate: undefined, refusal };
}

/** Makes the error for a caller over its rate limit. The error says how many seconds remain until the window ends. */
function rateLimited({ reset }: RateStatus): AppError {
  const seconds = Math.ceil(reset - Date.now() / 1000);
  return new AppError("RATE_LIMITED", { retryAfterSeconds: Math.min(Math.max(1, seconds), windowSeconds) });
}

/** Time after which a client should try again when the directory of a node is stale, in seconds. */
const outOfDateRetryAfter = 5;

/**
 * Makes the error for a call while the directory is stale: tokens and configurations may have changed without this
 * node's knowledge.
 */
export function outOfDate(): AppError {
  return new AppError("OUT_OF_DATE", { retryAfterSeconds: outOfDateRetryAfter });
}

export function rateKey(principal: Principal): string {
  return `${principal.kind}:${principal.id}`;
}

const isAccount = (principal: Principal): boolean => principal.kind === "account";
const isAny = (): boolean => true;
