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
      else if (waiting > queueMax) void this.#drop(webhookId, waiting - queueMax);
    }
  }

  /** Notes the counts of all queues together. */
  counted({ waitingBytes }: QueueTotals): void {
    this.#allFull = waitingBytes >= this.#options.queueMaxBytes;
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

  async #drop(webhookId: string, count: number): Promise<void> {
    const { queue, logger } = this.#options;
    try {
      const dropped = await queue.dropOldest(webhookId, count);
      this.stats.dropped += dropped;
      if (dropped > 0) logger.warn({ webhookId, dropped }, "oldest deliveries of a full webhook queue dropped");
    } catch (err) {
      logger.warn({ err, webhookId }, "oldest deliveries of a full webhook queue not dropped");
    }
  }
}
