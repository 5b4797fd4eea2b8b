/**
 * The stream of event batches: publishes the events of each batch, and answers each batch with the events that were
 * refused, and with receipts if the batch asks. Only in this stream the cost of a single event matters: one core takes
 * 300,000 events a second.
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
import { type EventId, idText } from "../../domain/event-id.js";
import type { Principal } from "../../domain/instance.js";
import { nextTurn, TurnClock } from "../../json/slices.js";
import type { KeyedPublishing } from "../../service/keyed-publishing.js";
import type { Mark, Publishing, Reached } from "../../service/publishing.js";
import { outOfDate, rateKey } from "../admission/admission.js";
import { compileSpelling } from "../errors/field-spelling.js";
import { compareRefusals } from "../errors/listed-errors.js";
import { toEventInput } from "../methods/event-methods.js";
import type { RateLimiter } from "../rate-limit/rate-limiter.js";
import { structOf } from "./batch-decoder.js";
import { batchEventsMax, tooManyEvents } from "./batch-limit.js";
import { createHold, hasKey, KeyedEvents } from "./keyed-events.js";
import { emptyReceipts, newReceipt, type Receipt, receiptOf } from "./receipts.js";

const answerType = "eventwire.v1.PublishEventsResponse";

/** After so much work, in bytes of data, the stream looks at the clock. */
const uncheckedBytes = 32 * 1024;
/** The work that an event or a batch causes beside its data, counted as so many bytes of data. */
const overheadBytes = 256;
/** The work of claiming a key, counted as so many bytes of data. */
const keyBytes = 1_024;
/** How many times longer a byte of a Struct takes than a byte of JSON text. */
const structWork = 8;
/** How many bytes of JSON text are checked per millisecond. The slowest text takes 12 ms a megabyte. */
const bytesPerMs = 80 * 1024;

type Answered = PublishEventsResponse | Promise<PublishEventsResponse>;

/** A batch that is being published. Its events from index `granted` on are over the rate limit and are refused. */
interface Publication {
  readonly sequence: bigint;
  readonly events: readonly PublishEventRequest[];
  readonly granted: number;
  readonly refusals: PublishEventsResponse_Refusal[];
  /** The `mark` of publishing before the first event of the batch. */
  readonly mark: Mark;
  /** One receipt for each event. Undefined when the producer did not ask. */
  readonly receipts: Receipt[] | undefined;
  /** The events with an idempotency key. Undefined when there are none. */
  readonly keyed: KeyedEvents | undefined;
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
  keyed: KeyedPublishing;
  limiter: RateLimiter;
}): EventStream {
  const { directory, publishing, limiter } = options;
  const limited = limiter.isOn(Bucket.PUBLISH);
  const hold = createHold(directory, options.keyed);

  function check(principal: Principal): void {
    if (directory.stale) throw outOfDate();
    if (principal.revoked) throw new AppError("INVALID_TOKEN");
  }

  function acknowledge(batch: Publication): Answered {
    const { keyed, refusals } = batch;
    if (keyed === undefined) return answerOf(batch);
    return keyed.answered().then(async () => {
      refusals.sort((a, b) => a.index - b.index);
      const answer = await answerOf(batch);
      return keyed.otherNodesReached ? answer : { ...answer, otherNodesReached: false };
    });
  }

  function answerOf({ sequence, events, refusals, mark, receipts = [] }: Publication): Answered {
    const published = events.length - refusals.length;
    const answer: PublishEventsResponse = { $typeName: answerType, sequence, published, refusals, receipts };
    return publishing.reached(mark)?.then((reached) => tell(answer, reached)) ?? answer;
  }

  /** Counts the sockets that would take the event now. */
  function socketsFor(principal: Principal, { instance, event }: PublishEventRequest): number {
    const entry = directory.instance(principal.accountId, instance);
    return entry === undefined ? 0 : publishing.takers(entry, event);
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
      function publishFrom(first: number, batch: Publication): Publication | Promise<Publication> {
        const { events, granted, refusals, receipts, keyed } = batch;
        for (let index = first; index < events.length; index++) {
          const event = events[index] as PublishEventRequest;
          if (mustPause(workOf(event))) return goOnLater(nextTurn(), index, batch);
          try {
            if (index >= granted) throw new AppError("RATE_LIMITED");
            if (keyed?.has(index)) {
              publishKeyed(keyed, index, batch);
              continue;
            }
            // The sockets are counted before publishing, because a socket that this event closes still took the event.
            const receipt = receipts && newReceipt(socketsFor(principal, event));
            const published = publishing.publish(principal, event.instance, toEventInput(event), receipt);
            if (published instanceof Promise)
              return goOnLater(settled(published, receipt, index, batch), index + 1, batch);
            if (receipts !== undefined && receipt !== undefined) receipts[index] = filled(receipt, published);
          } catch (error) {
            refusals.push(refusal(index, event, error));
          }
        }
        return batch;
      }

      function goOnLater(when: Promise<void>, index: number, batch: Publication): Promise<Publication> {
        return when.then(() => publishFrom(index, batch));
      }

      /** Claims the keys of the first `granted` events of a batch. */
      async function claimKeys(events: readonly PublishEventRequest[], granted: number): Promise<KeyedEvents> {
        const keyed = new KeyedEvents();
        for (const [index, event] of events.slice(0, granted).entries()) {
          if (mustPause(keyBytes)) await nextTurn();
          const held = hold(principal, event);
          if (held !== undefined) keyed.add(index, held);
        }
        await keyed.claimed();
        return keyed;
      }

      function publish(
        request: PublishEventsRequest,
        granted: number,
        keyed: KeyedEvents | undefined,
      ): Publication | Promise<Publication> {
        try {
          check(principal);
        } catch (error) {
          keyed?.giveUp();
          throw error;
        }
        const { sequence, events, receipt } = request;
        const receipts = receipt ? emptyReceipts(events.length) : undefined;
        const batch = { sequence, events, granted, refusals: [], mark: publishing.mark(), receipts, keyed };
        return mustPause(overheadBytes) ? goOnLater(nextTurn(), 0, batch) : publishFrom(0, batch);
      }

      function later(published: Promise<Publication>): Promise<PublishEventsResponse> {
        const done = published.then(noWord, noWord).then(() => {
          if (busy === done) busy = undefined;
        });
        busy = done;
        return published.then(acknowledge);
      }

      return (batch) => {
        check(principal);
        if (batch.events.length > batchEventsMax) throw tooManyEvents();
        const { events } = batch;
        const points = events.length;
        const withKeys = events.some(hasKey);
        if (!limited && !withKeys && busy === undefined) {
          const published = publish(batch, points, undefined);
          return published instanceof Promise ? later(published) : acknowledge(published);
        }
        const charge = limited ? limiter.charge(Bucket.PUBLISH, rateKey(principal), points) : undefined;
        const before = busy;
        const granted = Promise.resolve(charge).then((charged) => charged?.granted ?? points);
        // The keys are claimed while earlier batches are still being published.
        const keyed = withKeys ? granted.then((count) => claimKeys(events, count)) : undefined;
        const ready = Promise.all([granted, keyed, before]);
        return later(ready.then(([count, claimed]) => publish(batch, count, claimed)));
      };
    },
  };
}

/** Adds to an answer what the events did not reach. */
function tell(answer: PublishEventsResponse, { otherNodes, webhooks }: Reached): PublishEventsResponse {
  if (otherNodes && webhooks) return answer;
  // Nobody knows which events of the batch were stored.
  if (!webhooks) for (const receipt of answer.receipts) delete receipt.webhooks;
  return { ...answer, ...(!otherNodes && { otherNodesReached: false }), ...(!webhooks && { webhooksStored: false }) };
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

/** Waits for one event of a batch, and notes its receipt or its refusal. */
function settled(
  published: Promise<EventId>,
  receipt: Receipt | undefined,
  index: number,
  { events, refusals, receipts }: Publication,
): Promise<void> {
  return published.then(
    (id) => {
      if (receipts !== undefined && receipt !== undefined) receipts[index] = filled(receipt, id);
    },
    (error: unknown) => void refusals.push(refusal(index, events[index] as PublishEventRequest, error)),
  );
}

function filled(receipt: Receipt, id: EventId): Receipt {
  receipt.id = idText(id);
  return receipt;
}

/** Publishes one event with a key, and notes its receipt or its refusal when the event has its answer. */
function publishKeyed(keyed: KeyedEvents, index: number, { events, refusals, receipts }: Publication): void {
  keyed.publish(
    index,
    (answer) => {
      if (receipts !== undefined) receipts[index] = receiptOf(answer);
    },
    (error) => void refusals.push(refusal(index, events[index] as PublishEventRequest, error)),
  );
}

/** Turns an error into the refusal of one event. Throws an error that is no AppError. */
function refusal(index: number, event: PublishEventRequest, error: unknown): PublishEventsResponse_Refusal {
  if (!(error instanceof AppError)) throw error;
  const { reason, message, field, rule = "" } = error;
  compare(reason);
  const spelt = spell(field, event, false) ?? "";
  return { $typeName: `${answerType}.Refusal`, index, reason, message, field: spelt, rule };
}
