/** Cleans the queue of webhooks now and then, and counts what waits in it. */

import { setTimeout as delay } from "node:timers/promises";
import type { QueueTotals, WebhookQueue } from "../store/webhook-queue.js";

const countMs = 5_000;
/** Number of counts between two cleanings. */
const countsPerSweep = 6;
/** Most slices of one cleaning. */
const slicesMax = 200;

export interface HousekeepingOptions {
  readonly queue: WebhookQueue;
  /** Resolves when the database can be used for the first time. */
  readonly begun: Promise<void>;
  readonly retentionMs: number;
  readonly queueMax: number;
  readonly onCounted: (totals: QueueTotals) => void;
  readonly onFailure: (error: unknown) => void;
}

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #closing = new AbortController();
  readonly #done: Promise<void>;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { queue, begun, onCounted, onFailure } = this.#options;
    const closed = new Promise<void>((done) => this.#closing.signal.addEventListener("abort", () => done()));
    await Promise.race([closed, begun.catch(() => closed)]);
    for (let round = 0; !this.#closing.signal.aborted; round++) {
      try {
        onCounted(await queue.totals());
        if (round % countsPerSweep === 0) await this.#sweep();
      } catch (error) {
        onFailure(error);
      }
      await delay(countMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => {});
    }
  }

  async #sweep(): Promise<void> {
    const { queue, retentionMs, queueMax } = this.#options;
    for (let slice = 0; slice < slicesMax && !this.#closing.signal.aborted; slice++) {
      if (!(await queue.sweep({ retentionMs, queueMax }))) return;
    }
  }
}
