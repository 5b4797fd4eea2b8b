/**
 * Takes accepted events for webhooks: decides whether an event can be stored, stores it with its deliveries, and says
 * when it is stored.
 */

import type { Logger } from "pino";
import type { Event } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import { AppError } from "../domain/errors.js";
import { type EventType, eventTypeBit } from "../domain/event-type.js";
import type { WebhookFilter } from "../domain/webhook.js";
import type { Outbox } from "../service/sinks.js";
import type { Append, Appended, StoredEvent, WebhookQueue } from "../store/webhook-queue.js";
import { GroupCommit } from "./group-commit.js";
import type { QueueBound } from "./queue-bound.js";
import { toStored } from "./stored-event.js";

/** How long the database counts as away after a failure, in milliseconds. Then the next event tries it again. */
const awayMs = 1_000;
/** With more bytes of events that wait to be stored, the database counts as too slow for further events. */
const waitingBytesMax = 128 * 1024 * 1024;

/** What happens to an event for webhooks while the database is away. */
export type WebhookOutage = "refuse" | "accept";

export interface OutboxStats {
  /** Number of stored events, and of accepted events that could not be stored. */
  stored: number;
  notStored: number;
}

export interface OutboxOptions {
  readonly queue: WebhookQueue;
  readonly bound: QueueBound;
  /** The id under which this node leases webhooks now. */
  readonly node: () => string;
  readonly mediaMaxBytes: number;
  readonly outage: WebhookOutage;
  /** Called after each commit with what was stored. */
  readonly onStored: (appends: readonly Append[], places: readonly Appended[]) => void;
  readonly logger: Logger;
}

export function createOutbox(options: OutboxOptions): Outbox & { stats: OutboxStats; idle(): Promise<void> } {
  const { queue, bound, node, mediaMaxBytes, outage, onStored, logger } = options;
  const stats: OutboxStats = { stored: 0, notStored: 0 };
  let failedAt = Number.NEGATIVE_INFINITY;
  const commit = new GroupCommit(store, (err, events) => {
    if (!isAway()) logger.error({ err, events }, "events for webhooks not stored");
    failedAt = performance.now();
    stats.notStored += events;
  });

  const isAway = () => performance.now() - failedAt < awayMs;
  const isBehind = () => commit.waitingBytes > waitingBytesMax;

  async function store(appends: readonly Append[]): Promise<void> {
    const places = await queue.append(appends, node());
    stats.stored += appends.length;
    bound.appended(places);
    onStored(appends, places);
  }

  function filtersOf({ webhooks = [] }: Entry, type: EventType): readonly WebhookFilter[] {
    const bit = eventTypeBit.get(type) ?? 0;
    return webhooks.filter(({ types }) => (types & bit) !== 0);
  }

  return {
    stats,
    get taken() {
      return commit.taken;
    },

    takers(entry, type) {
      const webhooks = filtersOf(entry, type);
      if (webhooks.length === 0) return 0;
      if (outage === "refuse" && isAway()) throw new AppError("STORE_EVENT_FAILED");
      if (outage === "refuse" && isBehind()) throw new AppError("STORE_EVENT_FAILED", { rule: behindRule });
      for (const { id, label } of webhooks) bound.check(id, label);
      return webhooks.length;
    },

    take(entry: Entry, event: Event) {
      if (isAway() || isBehind()) {
        stats.notStored++;
        return commit.skip();
      }
      const webhooks = filtersOf(entry, event.type);
      const mediaWanted = webhooks.some(({ mediaBase64 }) => mediaBase64);
      const stored: StoredEvent = toStored(event, mediaWanted, mediaMaxBytes);
      commit.take({ event: stored, webhookIds: webhooks.map(({ id }) => id) });
    },

    stored(since) {
      const stored = commit.stored(since);
      return outage === "refuse" ? stored?.then(refuseUnstored) : stored;
    },

    idle: () => commit.idle(),
  };
}

const behindRule = `at most ${waitingBytesMax} bytes of events may wait to be stored, because the database is too slow`;

function refuseUnstored(stored: boolean): boolean {
  if (!stored) throw new AppError("STORE_EVENT_FAILED");
  return stored;
}
