/** The stream of event batches: the one method where the cost of an event counts (300,000 a second on one core). */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type PublishEventsRequest,
  type PublishEventsResponse,
  type PublishEventsResponse_RefusalSchema,
  PublishEventsResponseSchema,
} from "../../gen/eventwire/v1/event_service_pb.js";
import { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import { AppError } from "../domain/errors.js";
import type { Principal } from "../domain/instance.js";
import type { Publishing } from "../service/publishing.js";
import { rateKey } from "./admission.js";
import { toEventInput } from "./event-methods.js";
import type { RateLimiter } from "./rate-limiter.js";

/** As the contract says. Checked by hand: protovalidate would look at every event, and publishing does that again. */
const batchEventsMax = 1024;

type Refusal = MessageInitShape<typeof PublishEventsResponse_RefusalSchema>;

export interface EventStream {
  /** Answers one batch. Rejects, which ends the stream, when the token is no longer valid or it is no batch. */
  publishBatch(principal: Principal, batch: PublishEventsRequest): Promise<PublishEventsResponse>;
}

export function createEventStream(options: { publishing: Publishing; limiter: RateLimiter }): EventStream {
  const { publishing, limiter } = options;
  return {
    async publishBatch(principal, { sequence, events }) {
      if (principal.revoked) throw new AppError("INVALID_TOKEN");
      if (events.length > batchEventsMax) throw new AppError("INVALID_REQUEST_BODY");
      const charge = await limiter.charge(Bucket.PUBLISH, rateKey(principal), events.length);
      const granted = charge?.granted ?? events.length;
      const refusals: Refusal[] = [];
      for (let index = 0; index < events.length; index++) {
        const event = events[index];
        if (event === undefined) continue;
        try {
          if (index >= granted) throw new AppError("RATE_LIMITED");
          publishing.publish(principal, event.instance, toEventInput(event));
        } catch (error) {
          const { reason, message } = AppError.from(error);
          refusals.push({ index, reason, message });
        }
      }
      return create(PublishEventsResponseSchema, { sequence, published: events.length - refusals.length, refusals });
    },
  };
}
