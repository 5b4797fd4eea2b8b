/** The method Subscribe of SubscriptionService: checks whether a stream of frames may be opened, and opens it. */

import { type SubscribeRequest, SubscribeRequestSchema } from "../../../gen/eventwire/v1/subscription_service_pb.js";
import type { Entry } from "../../directory/directory.js";
import { AppError } from "../../domain/errors.js";
import type { Principal } from "../../domain/instance.js";
import type { AddressedInstances } from "../admission/addressed-instance.js";
import type { Validation } from "../validation.js";
import type { FrameSink, FrameStreams, MessageForm, OpenStream, Wanted } from "./frame-streams.js";

/**
 * A stream that passed all checks and is not open yet. Until `start` or `giveUp`, the events of its instance come to
 * this node for it, so one of the two must be called.
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
export type Subscribe = (principal: Principal, request: SubscribeRequest) => Promise<Subscription>;

export function createSubscribe(options: {
  addressed: AddressedInstances;
  validation: Validation;
  frames: FrameStreams;
}): Subscribe {
  const { addressed, validation, frames } = options;

  function find(principal: Principal, request: SubscribeRequest): Entry {
    if (principal.revoked) throw new AppError("INVALID_TOKEN");
    if (request.instance === "") {
      const rule = "must be the name of an instance, because there are no streams of all instances of an account yet";
      throw new AppError("INVALID_REQUEST_BODY", { field: "instance", rule });
    }
    const entry = addressed.entry(principal, request.instance);
    validation.check(SubscribeRequestSchema, request);
    if (!entry.websocket?.enabled)
      throw new AppError("WEBSOCKET_DISABLED", { values: { instance: entry.instance.name } });
    return entry;
  }

  return async (principal, request) => {
    const found = find(principal, request);
    const reservation = frames.reserve(found);
    let reserved = true;
    const giveUp = (): void => {
      if (reserved) reservation.release();
      reserved = false;
    };
    await reservation.inForce;
    return {
      start(sink, form) {
        try {
          const entry = find(principal, request);
          // An instance of the same name that was created since then has no reservation.
          if (entry.instance.id !== found.instance.id) throw new AppError("INSTANCE_NOT_FOUND");
          return frames.open(sink, { ...wanted(request), entry, principal }, form);
        } finally {
          giveUp();
        }
      },
      giveUp,
    };
  };
}

function wanted({ events, media, after, previous }: SubscribeRequest): Omit<Wanted, "entry" | "principal"> {
  return { events, media, after, previous };
}
