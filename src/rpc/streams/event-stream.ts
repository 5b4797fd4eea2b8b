/**
 * The stream of event batches. Only in this stream the cost of a single event matters: one core takes 300,000 events a
 * second.
 */

import {
  EventService,
  type PublishEventRequest,
  PublishEventRequestSchema,
  type PublishEventsRequest,
  type PublishEventsResponse,
  type PublishEventsResponse_Refusal,
} from "../../../gen/eventwire/v1/event_service_pb.js";
import { Bucket } from "../../../gen/eventwire/v1/policy_pb.js";
import type { Directory } from "../../directory/directory.js";
import { AppError } from "../../domain/errors.js";
import type { Principal } from "../../domain/instance.js";
import { nextTurn, TurnClock } from "../../json/slices.js";
import type { Publishing } from "../../service/publishing.js";
import { outOfDate, rateKey } from "../admission/admission.js";
import { compileSpelling } from "../errors/field-spelling.js";
import { compareRefusals } from "../errors/listed-errors.js";
import { toEventInput } from "../methods/event-methods.js";
import type { RateLimiter } from "../rate-limit/rate-limiter.js";
import { structOf } from "./batch-decoder.js";
import { batchEventsMax, tooManyEvents } from "./batch-limit.js";

const answerType = "eventwire.v1.PublishEventsResponse";

/** After so much work, in bytes of data, the stream looks at the clock. */
const uncheckedBytes = 32 * 1024;
/** The work that an event or a batch causes beside its data, counted as so many bytes of data. */
const overheadBytes = 256;
/** How many times longer a byte of a Struct takes than a byte of JSON text. */
const structWork = 8;
/** How many bytes of JSON text are checked per millisecond. The slowest text takes 12 ms a megabyte. */
const bytesPerMs = 80 * 1024;

type Answered = PublishEventsResponse | Promise<PublishEventsResponse>;
type Refusals = PublishEventsResponse_Refusal[];

/** A batch that is being published. Its events from index `granted` on are over the rate limit and are refused. */
interface Publication {
  readonly events: readonly PublishEventRequest[];
  readonly granted: number;
  readonly refusals: Refusals;
}

export interface EventStream {
  /**
   * Opens a stream. The returned function answers one batch, without a promise when there is nothing to wait for.
   * Batches are published one after the other, and the publishing of a large batch goes on in further turns of the
   * event loop. When the function throws or rejects, the stream must end, for example because the token is no longer
   * valid.
   */
  open(principal: Principal): (batch: PublishEventsRequest) => Answered;
}

export function createEventStream(options: {
  directory: Directory;
  publishing: Publishing;
  limiter: RateLimiter;
}): EventStream {
  const { directory, publishing, limiter } = options;
  const limited = limiter.isOn(Bucket.PUBLISH);

  function check(principal: Principal): void {
    if (directory.stale) throw outOfDate();
    if (principal.revoked) throw new AppError("INVALID_TOKEN");
  }

  function acknowledge({ sequence, events }: PublishEventsRequest, refusals: Refusals): Answered {
    const published = events.length - refusals.length;
    const answer: PublishEventsResponse = { $typeName: answerType, sequence, published, refusals };
    return publishing.reached()?.then((all) => (all ? answer : { ...answer, otherNodesReached: false })) ?? answer;
  }

  return {
    open(principal) {
      const clock = new TurnClock();
      let unchecked = 0;
      /** Resolves when all batches so far are published or have failed. Undefined when no batch is being published. */
      let busy: Promise<void> | undefined;

      function mustPause(bytes: number): boolean {
        unchecked += bytes;
        if (unchecked < uncheckedBytes) return false;
        unchecked = 0;
        return clock.isOver(bytes / bytesPerMs);
      }

      /**
       * Publishes the events of a batch from index `first` on. No function is created per event here, because that
       * would take a tenth of the time of an event.
       */
      function publishFrom(first: number, batch: Publication): Refusals | Promise<Refusals> {
        const { events, granted, refusals } = batch;
        for (let index = first; index < events.length; index++) {
          const event = events[index] as PublishEventRequest;
          if (mustPause(workOf(event))) return goOnLater(nextTurn(), index, batch);
          try {
            if (index >= granted) throw new AppError("RATE_LIMITED");
            const published = publishing.publish(principal, event.instance, toEventInput(event));
            if (published instanceof Promise)
              return goOnLater(refusable(published, index, event, batch), index + 1, batch);
          } catch (error) {
            refusals.push(refusal(index, event, error));
          }
        }
        return refusals;
      }

      function goOnLater(when: Promise<void>, index: number, batch: Publication): Promise<Refusals> {
        return when.then(() => publishFrom(index, batch));
      }

      function publish({ events }: PublishEventsRequest, granted: number): Refusals | Promise<Refusals> {
        check(principal);
        const batch = { events, granted, refusals: [] };
        return mustPause(overheadBytes) ? goOnLater(nextTurn(), 0, batch) : publishFrom(0, batch);
      }

      function later(batch: PublishEventsRequest, refusals: Promise<Refusals>): Promise<PublishEventsResponse> {
        const done = refusals.then(noWord, noWord).then(() => {
          if (busy === done) busy = undefined;
        });
        busy = done;
        return refusals.then((found) => acknowledge(batch, found));
      }

      return (batch) => {
        check(principal);
        if (batch.events.length > batchEventsMax) throw tooManyEvents();
        if (!limited && busy === undefined) {
          const refusals = publish(batch, batch.events.length);
          return refusals instanceof Promise ? later(batch, refusals) : acknowledge(batch, refusals);
        }
        const points = batch.events.length;
        const charge = limited ? limiter.charge(Bucket.PUBLISH, rateKey(principal), points) : undefined;
        const before = busy;
        const granted = Promise.all([charge, before]).then(([charged]) => charged?.granted ?? points);
        return later(
          batch,
          granted.then((count) => publish(batch, count)),
        );
      };
    },
  };
}

function noWord(): void {}

/** Returns the work of an event, counted as bytes of JSON text. */
function workOf({ payload }: PublishEventRequest): number {
  const struct = structOf(payload);
  if (struct !== undefined) return overheadBytes + structWork * struct.length;
  return overheadBytes + (payload.case === "dataJson" ? payload.value.length : 0);
}

const spell = compileSpelling(PublishEventRequestSchema);
const compare = compareRefusals(EventService.method.publishEvents);

function refusable(
  published: Promise<unknown>,
  index: number,
  event: PublishEventRequest,
  { refusals }: Publication,
): Promise<void> {
  return published.then(noWord, (error: unknown) => void refusals.push(refusal(index, event, error)));
}

/** Turns an error into the refusal of one event. Throws an error that is no AppError. */
function refusal(index: number, event: PublishEventRequest, error: unknown): PublishEventsResponse_Refusal {
  if (!(error instanceof AppError)) throw error;
  const { reason, message, field, rule = "" } = error;
  compare(reason);
  const spelt = spell(field, event, false) ?? "";
  return { $typeName: `${answerType}.Refusal`, index, reason, message, field: spelt, rule };
}
