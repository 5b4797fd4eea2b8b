/** Disables webhooks whose receivers are gone or fail for too long. What the database cannot store is tried again. */

import type { Logger } from "pino";
import type { LeasedWebhook, WebhookQueue } from "../store/webhook-queue.js";

export interface DisablingOptions {
  readonly queue: WebhookQueue;
  /** Called when a webhook was disabled, or was changed before. */
  readonly onDone: (id: string) => void;
  readonly onFailure: (error: unknown) => void;
  readonly logger: Logger;
}

export class Disabling {
  readonly #options: DisablingOptions;
  readonly #waiting = new Map<string, { readonly webhook: LeasedWebhook; readonly reason: string }>();
  #running = false;

  constructor(options: DisablingOptions) {
    this.#options = options;
  }

  /** Whether the webhook is about to be disabled, so that nothing may be sent. */
  has(id: string): boolean {
    return this.#waiting.has(id);
  }

  add(webhook: LeasedWebhook, reason: string): void {
    this.#waiting.set(webhook.id, { webhook, reason });
    void this.run();
  }

  /** Disables what waits. Never rejects. */
  async run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    const { queue, onDone, onFailure, logger } = this.#options;
    try {
      for (const [id, { webhook, reason }] of this.#waiting) {
        const { instanceId, label, version } = webhook;
        const disabled = await queue.disable(id, version, reason);
        this.#waiting.delete(id);
        if (disabled) logger.error({ instanceId, label, reason }, "webhook disabled");
        onDone(id);
      }
    } catch (error) {
      onFailure(error);
    } finally {
      this.#running = false;
    }
  }
}
