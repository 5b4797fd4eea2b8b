/** Gathers events into batches, keeps a few batches under way, and settles each event by the answer to its batch. */

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { PublishEventsResponse } from "../../../gen/eventwire/v1/event_service_pb.js";
import { backoffMs } from "../connection-end.js";
import { PublishError } from "./publish-error.js";
import { type Batch, openPublishStream, type PublishStream } from "./publish-stream.js";
import type { Published, Publisher, PublishOptions } from "./publisher.js";
import { lossOf } from "./stream-loss.js";

/** Most events in a batch, by the rule of the contract. */
const batchEventsMax = 1_024;
/** Most bytes of data and media in a batch of several events. A gateway takes far larger batches. */
const batchBytesMax = 1_048_576;
/**
 * Most batches that are sent and not yet answered. More batches would not be faster. When the connection is lost, more
 * events would have an unknown outcome.
 */
const batchesUnderWayMax = 4;

export interface BatchingOptions {
  readonly transport: Transport;
  readonly token: string;
  readonly receipts: boolean;
  readonly eventsMax: number;
  readonly unreachableMaxMs: number;
}

interface Entry {
  readonly event: NonNullable<Batch["events"]>[number];
  readonly bytes: number;
  readonly since: number;
  /** What became of the event when it is not sent again. */
  outcome: PublishError["outcome"];
  readonly resolve: (published: Published) => void;
  readonly reject: (error: PublishError) => void;
}

export class BatchingPublisher implements Publisher {
  readonly #options: BatchingOptions;
  #stream: PublishStream | undefined;
  #waiting: Entry[] = [];
  /** The batches that were sent and not yet answered, in the order in which they were sent. */
  #underWay: Entry[][] = [];
  #sequence = 0n;
  #failures = 0;
  /** True while `#waiting` waits for the end of a turn, or for the time of the next attempt to connect. */
  #flushing = false;
  #closing: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: BatchingOptions) {
    this.#options = options;
  }

  async publish(
    instance: string,
    type: string,
    data: object | Uint8Array,
    { media = new Uint8Array(), occurredAt, idempotencyKey }: PublishOptions = {},
  ): Promise<Published> {
    const bytes = data instanceof Uint8Array ? data : new TextEncoder().encode(JSON.stringify(data));
    if (this.#closed !== undefined) throw new PublishError("CLOSED", "The publisher is closed", "not published");
    const { eventsMax } = this.#options;
    const events = this.#waiting.length + this.#underWay.reduce((sum, batch) => sum + batch.length, 0);
    if (events >= eventsMax)
      throw new PublishError("QUEUE_FULL", `${eventsMax} events wait for their answer`, "not published");
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        event: {
          instance,
          event: type,
          payload: { case: "dataJson", value: bytes },
          media,
          ...(occurredAt && { occurredAt: timestampFromDate(occurredAt) }),
          ...(idempotencyKey !== undefined && { idempotencyKey }),
        },
        bytes: bytes.length + media.length,
        since: performance.now(),
        outcome: "not published",
        resolve,
        reject,
      });
      this.#flushLater();
    });
  }

  close(): Promise<void> {
    this.#closed ??= new Promise<void>((resolve) => {
      this.#closing = resolve;
      this.#endWhenIdle();
    });
    return this.#closed;
  }

  #flushLater(waitMs?: number): void {
    if (this.#flushing) return;
    this.#flushing = true;
    const flush = (): void => {
      this.#flushing = false;
      this.#flush();
    };
    if (waitMs === undefined) setImmediate(flush);
    else setTimeout(flush, waitMs);
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.#underWay.length < batchesUnderWayMax) {
      this.#stream ??= openPublishStream(this.#options.transport, this.#options.token, {
        answered: (answer) => this.#answered(answer),
        ended: (error) => this.#ended(error),
      });
      const batch = this.#takeBatch();
      this.#underWay.push(batch);
      const events = batch.map(({ event }) => event);
      this.#stream.send({ sequence: this.#sequence++, events, receipt: this.#options.receipts });
    }
  }

  #takeBatch(): Entry[] {
    let bytes = 0;
    const fits = this.#waiting.findIndex((entry, i) => {
      bytes += entry.bytes;
      return i === batchEventsMax || (i > 0 && bytes > batchBytesMax);
    });
    return this.#waiting.splice(0, fits === -1 ? this.#waiting.length : fits);
  }

  #answered({ refusals, receipts, otherNodesReached = true, webhooksStored }: PublishEventsResponse): void {
    this.#failures = 0;
    const batch = this.#underWay.shift() ?? [];
    const refused = new Map(refusals.map((refusal) => [refusal.index, refusal]));
    const shared = { otherNodesReached, ...(webhooksStored === false && { webhooksStored }) };
    for (const [i, { resolve, reject }] of batch.entries()) {
      const refusal = refused.get(i);
      if (refusal === undefined) {
        const { id, sockets, position, webhooks }: Omit<Published, "otherNodesReached"> = receipts[i] ?? {};
        resolve({ id, sockets, position, webhooks, ...shared });
      } else {
        const { reason, message, field, rule } = refusal;
        const outcome = reason === "OUTCOME_UNKNOWN" ? "unknown" : "not published";
        reject(new PublishError(reason, message, outcome, { field, rule: rule || null }));
      }
    }
    if (!this.#flushing) this.#flush();
    this.#endWhenIdle();
  }

  #ended(error: unknown): void {
    const cause = error ?? new ConnectError("The gateway ended the stream", Code.Unavailable);
    const { batches, isFinal, describe } = lossOf(ConnectError.from(cause, Code.Unavailable));
    const lost = this.#underWay.splice(0).flat();
    this.#stream = undefined;
    const isSentAgain = ({ event }: Entry) =>
      batches === "not sent" || (batches === "unknown" && event.idempotencyKey !== undefined);
    for (const entry of lost) {
      if (isSentAgain(entry)) entry.outcome = batches === "unknown" ? batches : entry.outcome;
      else entry.reject(describe(batches === "not sent" ? "not published" : batches));
    }
    this.#waiting.unshift(...lost.filter(isSentAgain));
    const { unreachableMaxMs } = this.#options;
    const oldest = performance.now() - unreachableMaxMs;
    const given = isFinal ? this.#waiting.length : this.#waiting.filter(({ since }) => since <= oldest).length;
    for (const { reject, outcome } of this.#waiting.splice(0, given)) reject(describe(outcome));
    if (this.#waiting.length > 0) this.#flushLater(Math.min(backoffMs(this.#failures++), unreachableMaxMs));
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.#closing === undefined || this.#waiting.length > 0 || this.#underWay.length > 0) return;
    this.#stream?.end();
    this.#closing();
    this.#closing = undefined;
  }
}
