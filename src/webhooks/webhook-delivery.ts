/** The parts of webhooks on one node, put together: the outbox, the engine and the housekeeping. */

import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { PlainFormat } from "../delivery/frames/plain.js";
import type { Directory, DirectoryListener } from "../directory/directory.js";
import type { Outbox } from "../service/sinks.js";
import type { QueueTotals, WebhookQueue } from "../store/webhook-queue.js";
import { Engine, type News } from "./engine.js";
import { Housekeeping } from "./housekeeping.js";
import { createOutbox, type WebhookOutage } from "./outbox.js";
import { QueueBound, type QueueFull } from "./queue-bound.js";
import { createRetrySchedule } from "./sender/retry-schedule.js";
import { type Attempt, createWebhookSender } from "./sender/sender.js";

export interface WebhookDeliveryOptions {
  readonly queue: WebhookQueue;
  /** Resolves when the database can be used for the first time. Nothing is delivered before. */
  readonly begun: Promise<void>;
  readonly directory: Directory & { listen(listener: DirectoryListener): void };
  /** Makes the body of a request. */
  readonly format: PlainFormat;
  readonly mediaMaxBytes: number;
  /** The version of the program, for `User-Agent`. */
  readonly version: string;
  readonly settings: WebhookSettings;
  /** Called after each attempt. */
  readonly onAttempt: (attempt: Attempt) => void;
  readonly logger: Logger;
}

/** The settings of webhooks, named as in the table of settings. */
export interface WebhookSettings {
  readonly webhookAllowPrivate: readonly string[];
  readonly webhookRetrySeconds: readonly number[];
  readonly webhookQueueMax: number;
  readonly webhookQueueMaxBytes: number;
  readonly webhookQueueFull: QueueFull;
  readonly webhookOutage: WebhookOutage;
  readonly webhookRetentionDays: number;
  readonly webhookDisableAfterHours: number;
}

/** Counts for metrics. */
export interface WebhookStats {
  /** The counts of all queues, the same on every node. Undefined until they are read for the first time. */
  readonly totals: QueueTotals | undefined;
  readonly stored: number;
  readonly notStored: number;
  readonly dropped: number;
  readonly refused: number;
  /** Number of webhooks that this node works, and of requests under way. */
  readonly webhooks: number;
  readonly requests: number;
}

export interface WebhookDelivery {
  readonly outbox: Outbox;
  readonly stats: WebhookStats;
  /** Takes what the nodes tell each other of webhooks. */
  hear(news: News): void;
  /** Stores what was accepted, ends the requests under way, and gives up all leases. */
  close(): Promise<void>;
}

const hourMs = 3_600_000;
/**
 * How long a stop waits for the queue, in milliseconds. When the database is away then, what was sent and not stored is
 * sent again, and another node takes over when the leases end.
 */
const closeMsMax = 8_000;

export function createWebhookDelivery(options: WebhookDeliveryOptions): WebhookDelivery {
  const { queue, begun, directory, format, mediaMaxBytes, version, settings, onAttempt, logger } = options;
  const engine = new Engine({
    ...{ queue, begun, directory, format, onAttempt, logger },
    sender: createWebhookSender({ version, allowPrivate: settings.webhookAllowPrivate }),
    schedule: createRetrySchedule(settings.webhookRetrySeconds),
    failingMsMax: settings.webhookDisableAfterHours * hourMs,
  });
  const bound = new QueueBound({
    ...{ queue, logger },
    queueMax: settings.webhookQueueMax,
    queueMaxBytes: settings.webhookQueueMaxBytes,
    whenFull: settings.webhookQueueFull,
  });
  const outbox = createOutbox({
    ...{ queue, bound, mediaMaxBytes, logger },
    node: () => engine.node,
    outage: settings.webhookOutage,
    onStored: (appends, places) => engine.stored(appends, places),
  });
  let totals: QueueTotals | undefined;
  const housekeeping = new Housekeeping({
    ...{ queue, begun },
    retentionMs: settings.webhookRetentionDays * 24 * hourMs,
    queueMax: settings.webhookQueueMax,
    onCounted(counted) {
      totals = counted;
      bound.counted(counted);
    },
    onFailure: (err) => logger.debug({ err }, "the queue of webhooks not cleaned"),
  });
  directory.listen({
    instanceChanged() {},
    instanceCreated() {},
    instanceDeleted: (id) => engine.forget(id),
    principalRevoked() {},
    consumersDisconnected() {},
    webhooksChanged: (entry) => engine.reconfigure(entry),
  });

  return {
    outbox,
    get stats() {
      return { totals, ...outbox.stats, ...bound.stats, ...engine.stats };
    },
    hear: (news) => engine.hear(news),
    async close() {
      const late = delay(closeMsMax, undefined, { ref: false });
      await Promise.race([late, closeAll()]);
    },
  };

  async function closeAll(): Promise<void> {
    await outbox.idle();
    await Promise.all([housekeeping.close(), engine.close()]);
  }
}
