/** The method Subscribe of SubscriptionService: checks whether a stream of frames may be opened, and opens it. */

import { type SubscribeRequest, SubscribeRequestSchema } from "../../../gen/eventwire/v1/subscription_service_pb.js";
import { AppError } from "../../domain/errors.js";
import { allTypes } from "../../domain/filter.js";
import type { Principal } from "../../domain/instance.js";
import type { Grant } from "../../service/tickets.js";
import type { AddressedInstances } from "../admission/addressed-instance.js";
import type { Validation } from "../validation.js";
import type { AskedOfPast, FrameSink, FrameStreams, MessageForm, OpenStream, StreamScope } from "./frame-streams.js";

/**
 * A stream that passed all checks and is not open yet. Until `start` or `giveUp`, the events of its instance or account
 * come to this node for it, so one of the two must be called.
 */
export interface Subscription {
  /** Checks again, and opens the stream. Throws AppError when the stream may not be opened any more. Call it once. */
  start(sink: FrameSink, form: MessageForm): OpenStream;
  /** Call it when the stream is not opened. A second call, or a call after `start`, does nothing. */
  giveUp(): void;
}

/**
 * Checks a request: token, instance, rules, channel. Resolves when the events of the instance come to this node.
 * Rejects with AppError.
 */
export type Subscribe = (caller: SubscribeCaller, request: SubscribeRequest) => Promise<Subscription>;

export interface SubscribeCaller {
  readonly principal: Principal;
  /** What the caller's ticket opens. Undefined for a caller with a token. */
  readonly grant: Grant | undefined;
}

export function createSubscribe(options: {
  addressed: AddressedInstances;
  validation: Validation;
  frames: FrameStreams;
}): Subscribe {
  const { addressed, validation, frames } = options;

  function scopeOf({ principal, grant }: SubscribeCaller, name: string): StreamScope {
    if (principal.revoked) throw new AppError("INVALID_TOKEN");
    if (grant !== undefined) return addressed.granted(grant, name);
    return name === "" ? wholeAccount(principal) : addressed.entry(principal, name);
  }

  function find(caller: SubscribeCaller, request: SubscribeRequest): StreamScope {
    const scope = scopeOf(caller, request.instance);
    validation.check(SubscribeRequestSchema, request);
    if ("instance" in scope && !scope.websocket?.enabled)
      throw new AppError("WEBSOCKET_DISABLED", { values: { instance: scope.instance.name } });
    return scope;
  }

  return async (caller, request) => {
    const found = find(caller, request);
    const asked = askedBy(request);
    const reservation = frames.reserve(found, asked);
    let reserved = true;
    const giveUp = (): void => {
      if (reserved) reservation.release();
      reserved = false;
    };
    await reservation.inForce;
    return {
      start(sink, form) {
        try {
          const scope = find(caller, request);
          // An instance of the same name that was created since then has no reservation.
          if (idOf(scope) !== idOf(found)) throw new AppError("INSTANCE_NOT_FOUND");
          reservation.check();
          const { principal, grant } = caller;
          const { events, media } = request;
          const typesMax = grant?.types ?? allTypes;
          return frames.open(sink, { events, media, asked, typesMax, scope, principal }, form);
        } finally {
          giveUp();
        }
      },
      giveUp,
    };
  };
}

/** Throws INSTANCE_MISMATCH for the token of an instance. */
function wholeAccount({ kind, accountId }: Principal): StreamScope {
  if (kind === "instance") throw new AppError("INSTANCE_MISMATCH");
  return { accountId };
}

function idOf(scope: StreamScope): string {
  return "instance" in scope ? scope.instance.id : scope.accountId;
}

function askedBy({ after, previous }: SubscribeRequest): AskedOfPast {
  return { after: after || undefined, previous: previous || undefined };
}
