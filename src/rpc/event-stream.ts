/** The stream of event batches: the one method where the cost of an event counts (300,000 a second on one core). */

import {
  type PublishEventRequest,
  PublishEventRequestSchema,
  type PublishEventsRequest,
  type PublishEventsResponse,
  type PublishEventsResponse_Refusal,
} from "../../gen/eventwire/v1/event_service_pb.js";
import { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import type { Directory } from "../directory/directory.js";
import { AppError } from "../domain/errors.js";
import type { Principal } from "../domain/instance.js";
import type { Publishing } from "../service/publishing.js";
import { outOfDate, rateKey } from "./admission.js";
import { toEventInput } from "./event-methods.js";
import { compileSpelling } from "./field-spelling.js";
import type { RateLimiter } from "./rate-limiter.js";

/** As the contract says. Checked by hand: protovalidate would look at every event, and publishing does that again. */
const batchEventsMax = 1024;

const answerType = "eventwire.v1.PublishEventsResponse";

export interface EventStream {
  /** Answers one batch. Throws, which ends the stream, when the token is no longer valid or it is no batch. */
  publishBatch(
    principal: Principal,
    batch: PublishEventsRequest,
  ): PublishEventsResponse | Promise<PublishEventsResponse>;
}

export function createEventStream(options: {
  directory: Directory;
  publishing: Publishing;
  limiter: RateLimiter;
}): EventStream {
  const { directory, publishing, limiter } = options;
  const limited = limiter.isOn(Bucket.PUBLISH);

  /** The events from `granted` on are over the limit. */
  function publish(
    principal: Principal,
    { sequence, events }: PublishEventsRequest,
    granted: number,
  ): PublishEventsResponse | Promise<PublishEventsResponse> {
    const refusals: PublishEventsResponse_Refusal[] = [];
    for (let index = 0; index < events.length; index++) {
      const event = events[index] as PublishEventRequest;
      try {
        if (index >= granted) throw new AppError("RATE_LIMITED");
        publishing.publish(principal, event.instance, toEventInput(event));
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        refusals.push(refusal(index, event, error));
      }
    }
    const answer: PublishEventsResponse = {
      $typeName: answerType,
      sequence,
      published: events.length - refusals.length,
      refusals,
    };
    return publishing.reached()?.then((all) => (all ? answer : { ...answer, otherNodesReached: false })) ?? answer;
  }

  return {
    publishBatch(principal, batch) {
      if (directory.stale) throw outOfDate();
      if (principal.revoked) throw new AppError("INVALID_TOKEN");
      if (batch.events.length > batchEventsMax)
        throw new AppError("INVALID_REQUEST_BODY", {
          field: "events",
          rule: `must contain no more than ${batchEventsMax} item(s)`,
        });
      if (!limited) return publish(principal, batch, batch.events.length);
      return limiter
        .charge(Bucket.PUBLISH, rateKey(principal), batch.events.length)
        .then((charge) => publish(principal, batch, charge?.granted ?? batch.events.length));
    },
  };
}

const spell = compileSpelling(PublishEventRequestSchema);

function refusal(
  index: number,
  event: PublishEventRequest,
  { reason, message, field, rule = "" }: AppError,
): PublishEventsResponse_Refusal {
  const spelt = spell(field, event, false) ?? "";
  return { $typeName: `${answerType}.Refusal`, index, reason, message, field: spelt, rule };
}
