/**
 * Keeps the queues of webhooks within their bounds. The counts are those of the last append to a queue and of the last
 * question to the database, so a queue can grow over its bound by what is being stored at the moment.
 */

import type { Logger } from "pino";
import { AppError } from "../domain/errors.js";
import type { Appended, QueueTotals, WebhookQueue } from "../store/webhook-queue.js";

/** How often the counts of full queues are read anew, in milliseconds. */
const readEveryMs = 500;

/** `refuse`: a publish to a full queue is refused. `drop_oldest`: the oldest waiting deliveries are dropped. */
export type QueueFull = "refuse" | "drop_oldest";

export interface QueueBoundOptions {
  readonly queue: WebhookQueue;
  /** Most deliveries that wait for one webhook. */
  readonly queueMax: number;
  /** Most bytes of events that wait for all webhooks together. */
  readonly queueMaxBytes: number;
  readonly whenFull: QueueFull;
  readonly logger: Logger;
}

export class QueueBound {
  readonly #options: QueueBoundOptions;
  /** The number of waiting deliveries of webhooks whose queues are full. */
  readonly #full = new Map<string, number>();
  #allFull = false;
  #reading = false;
  #readAt = 0;
  /** The webhooks whose oldest deliveries are being dropped, and `all` while those of the largest queue are. */
  readonly #dropping = new Set<string>();
  /** Number of deliveries that were dropped, and of events that were refused. */
  readonly stats = { dropped: 0, refused: 0 };

  constructor(options: QueueBoundOptions) {
    this.#options = options;
  }

  /** Throws AppError WEBHOOK_QUEUE_FULL when no further event may be stored for the webhook. */
  check(id: string, label: string): void {
    if (this.#options.whenFull !== "refuse" || (!this.#allFull && !this.#full.has(id))) return;
    void this.#read();
    this.stats.refused++;
    const { queueMax, queueMaxBytes } = this.#options;
    const rule = this.#full.has(id)
      ? `at most ${queueMax} deliveries may wait for the webhook ${label}`
      : `at most ${queueMaxBytes} bytes of events may wait for all webhooks, and the webhook ${label} is one of them`;
    throw new AppError("WEBHOOK_QUEUE_FULL", { rule });
  }

  /** Notes what an append has found in the queues. */
  appended(places: readonly Appended[]): void {
    const { queueMax, whenFull } = this.#options;
    for (const { webhookId, waiting } of places) {
      if (waiting < queueMax) this.#full.delete(webhookId);
      else if (whenFull === "refuse") this.#full.set(webhookId, waiting);
      else if (waiting > queueMax)
        void this.#drop(webhookId, () => this.#options.queue.dropOldest(webhookId, queueMax));
    }
  }

  /** Notes the counts of all queues together. */
  counted({ waitingBytes }: QueueTotals): void {
    const { queue, queueMaxBytes, whenFull } = this.#options;
    this.#allFull = waitingBytes >= queueMaxBytes;
    if (this.#allFull && whenFull === "drop_oldest") void this.#drop("all", () => queue.dropLargest(queueMaxBytes));
  }

  /** Reads the counts of the full queues anew, so that a queue is open again soon after it has room. */
  async #read(): Promise<void> {
    if (this.#reading || performance.now() - this.#readAt < readEveryMs) return;
    this.#reading = true;
    try {
      const { queue, queueMax } = this.#options;
      const waiting = await queue.waiting([...this.#full.keys()]);
      for (const id of this.#full.keys()) if ((waiting.get(id) ?? 0) < queueMax) this.#full.delete(id);
      if (this.#allFull) this.counted(await queue.totals());
    } catch (err) {
      this.#options.logger.debug({ err }, "the queues of webhooks not counted");
    } finally {
      this.#readAt = performance.now();
      this.#reading = false;
    }
  }

  /** Drops slice after slice until nothing is over the bound. */
  async #drop(what: string, dropSlice: () => Promise<number>): Promise<void> {
    if (this.#dropping.has(what)) return;
    this.#dropping.add(what);
    const { logger } = this.#options;
    let dropped = 0;
    try {
      for (let slice = await dropSlice(); slice > 0; slice = await dropSlice()) {
        dropped += slice;
        this.stats.dropped += slice;
      }
    } catch (err) {
      logger.warn({ err, webhookId: what }, "oldest deliveries of a full webhook queue not dropped");
    } finally {
      this.#dropping.delete(what);
    }
    if (dropped > 0) logger.warn({ webhookId: what, dropped }, "oldest deliveries of a full webhook queue dropped");
  }
}
