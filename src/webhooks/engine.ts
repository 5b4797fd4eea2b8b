/** Delivers the waiting events of all webhooks that this node has leased: puts the parts together, and sends the requests. */

import type { Logger } from "pino";
import type { PlainFormat, PlainFrameBuilder } from "../delivery/frames/plain.js";
import type { Directory, Entry } from "../directory/directory.js";
import type { Append, Appended, WaitingDelivery, WebhookQueue } from "../store/webhook-queue.js";
import { Disabling } from "./disabling.js";
import { Fetcher } from "./fetcher.js";
import { Lane, type LaneHost } from "./lane.js";
import { Lanes } from "./lanes.js";
import { Leases } from "./leases.js";
import { Recorder } from "./recorder.js";
import type { RetrySchedule } from "./sender/retry-schedule.js";
import type { Attempt, WebhookSender, WebhookTarget } from "./sender/sender.js";
import { deliveriesOf, fromStored } from "./stored-event.js";

/** How often the lanes look for requests that hang, in milliseconds. */
const lookMs = 500;
/** How long a stop waits for requests under way, in milliseconds. Then they are cut, and sent again by another node. */
const stopMs = 5_000;

export interface EngineOptions {
  readonly queue: WebhookQueue;
  /** Resolves when the database can be used for the first time. */
  readonly begun: Promise<void>;
  readonly sender: WebhookSender;
  readonly schedule: RetrySchedule;
  readonly directory: Directory;
  readonly format: PlainFormat;
  /** How long a webhook may fail before it is disabled, in milliseconds. */
  readonly failingMsMax: number;
  readonly onAttempt: (attempt: Attempt) => void;
  readonly logger: Logger;
}

/** What other nodes tell of webhooks: they have new deliveries, or their deliveries must be read anew. */
export interface News {
  readonly kind: "queued" | "changed";
  readonly ids: readonly string[];
}

export class Engine {
  readonly #options: EngineOptions;
  readonly #builders = new WeakMap<Entry["instance"], PlainFrameBuilder>();
  readonly #recorder: Recorder;
  readonly #fetcher: Fetcher;
  readonly #leases: Leases;
  readonly #lanes: Lanes;
  readonly #disabling: Disabling;
  readonly #looking: NodeJS.Timeout;
  /** Aborted when the requests under way must be cut off. */
  #cut = new AbortController();
  #flying = 0;
  #closed = false;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { queue, begun, logger } = options;
    const onFailure = (error: unknown) => this.#failed(error);
    this.#recorder = new Recorder({ queue, onFailure, onRoom: () => this.#workAll() });
    this.#fetcher = new Fetcher(queue, onFailure);
    const host = this.#makeHost();
    this.#lanes = new Lanes({
      ...{ queue, onFailure },
      node: () => this.node,
      makeLane: (webhook) => new Lane(webhook, host),
    });
    // A webhook that is disabled gives up its lease when it is read.
    this.#disabling = new Disabling({ queue, onFailure, logger, onDone: (id) => this.#lanes.adopt([id]) });
    this.#leases = new Leases({
      ...{ queue, begun, onFailure },
      onClaimed: (ids) => this.#adopt(ids),
      takeIdle: () => this.#lanes.takeIdle(),
      onKept: (ids) => this.#adopt(ids),
      onBeat: () => this.#goOn(),
      onLost: () => this.#lose(),
      onHold: () => this.#workAll(),
    });
    this.#looking = setInterval(() => this.#look(), lookMs).unref();
  }

  /** The id under which this node leases webhooks now. */
  get node(): string {
    return this.#leases.node;
  }

  /** Number of webhooks that this node works, and of requests under way. */
  get stats(): { readonly webhooks: number; readonly requests: number } {
    return { webhooks: this.#lanes.size, requests: this.#flying };
  }

  /** Hands over deliveries that this node has just stored. */
  stored(appends: readonly Append[], places: readonly Appended[]): void {
    const strangers = places.filter(({ mine }) => !mine).map(({ webhookId }) => webhookId);
    if (strangers.length > 0) this.#options.queue.tell({ queued: strangers }).catch((error) => this.#failed(error));
    const unknown: string[] = [];
    const byWebhook = deliveriesOf(appends, places);
    for (const { webhookId, before, mine } of places) {
      if (!mine) continue;
      const lane = this.#lanes.get(webhookId);
      if (lane === undefined) unknown.push(webhookId);
      else lane.offer(before, byWebhook.get(webhookId) ?? []);
    }
    if (unknown.length > 0) this.#adopt(unknown);
  }

  hear({ kind, ids }: News): void {
    if (kind === "changed") this.#lanes.change(ids);
    else for (const id of ids) this.#lanes.get(id)?.wake();
  }

  /** Reads the configuration of the webhooks of an instance anew. */
  reconfigure({ instance, webhooks = [] }: Entry): void {
    this.#lanes.changeInstance(
      instance.id,
      webhooks.map(({ id }) => id),
    );
  }

  /** Drops the lanes of an instance that was deleted. */
  forget(instanceId: string): void {
    this.#lanes.dropInstance(instanceId);
  }

  /** Lets requests under way finish, stores their attempts, and gives up all leases. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#looking);
    this.#fetcher.close();
    const until = performance.now() + stopMs;
    while (this.#flying > 0 && performance.now() < until) await new Promise((done) => setTimeout(done, 20));
    this.#cut.abort();
    this.#lanes.close();
    await this.#recorder.close(stopMs);
    await this.#leases.close();
    await this.#options.sender.close();
  }

  #makeHost(): LaneHost {
    const { schedule, failingMsMax } = this.#options;
    return {
      ...{ failingMsMax, memory: this.#fetcher },
      retryIn: (delivery) => schedule.next(delivery),
      maySend: () => this.#recorder.hasRoom && this.#leases.hold && !this.#closed,
      send: (lane, target, delivery) => this.#send(lane, target, delivery),
      record: (attempt, stored) => this.#recorder.add(attempt, stored),
      fetch: (lane) => this.#fetcher.add(lane),
      read: (lane) => this.#lanes.readAgain(lane),
      disable: ({ webhook }, reason) => {
        this.#lanes.drop(webhook.id);
        this.#disabling.add(webhook, reason);
      },
    };
  }

  async #send(lane: Lane, target: WebhookTarget, delivery: WaitingDelivery): Promise<Attempt | undefined> {
    const { event } = delivery;
    const body = this.#body(lane, delivery);
    if (!(body instanceof Uint8Array)) return body;
    const { signal } = this.#cut;
    this.#flying++;
    const message = { id: event.id, type: event.type, attempt: delivery.attempts + 1, body };
    const attempt = await this.#options.sender.send(target, message, signal);
    this.#flying--;
    if (signal.aborted && attempt.outcome !== "delivered") return undefined;
    this.#options.onAttempt(attempt);
    return attempt;
  }

  /**
   * The frame of a delivery, or the attempt that failed because there is none. Undefined when the instance does not
   * exist any more; its lane then ends.
   */
  #body(lane: Lane, { event }: WaitingDelivery): Uint8Array | Attempt | undefined {
    const entry = this.#options.directory.instanceById(lane.webhook.instanceId);
    if (entry === undefined) {
      this.#lanes.drop(lane.webhook.id);
      return undefined;
    }
    try {
      let builder = this.#builders.get(entry.instance);
      if (builder === undefined) {
        builder = this.#options.format.builderFor(entry.instance);
        this.#builders.set(entry.instance, builder);
      }
      return builder(fromStored(event), lane.webhook.mediaBase64);
    } catch (err) {
      this.#options.logger.error({ err, eventId: event.id }, "an event for a webhook cannot be read");
      return unreadable;
    }
  }

  #adopt(ids: readonly string[]): void {
    this.#lanes.adopt(ids.filter((id) => !this.#disabling.has(id)));
  }

  /** Tries again what the database could not do. */
  #goOn(): void {
    this.#lanes.retry();
    void this.#disabling.run();
  }

  #look(): void {
    for (const lane of this.#lanes) lane.look();
  }

  #lose(): void {
    this.#cut.abort();
    this.#cut = new AbortController();
    if (this.#lanes.size > 0) this.#options.logger.warn("leases of webhooks lost: the database was away for too long");
    this.#lanes.dropAll();
  }

  #workAll(): void {
    for (const lane of this.#lanes) lane.work();
  }

  /** Logs a failure of the database, at most once in ten seconds. Without webhooks to work, nobody need know of it. */
  #failed(err: unknown): void {
    if (performance.now() - this.#failedAt < 10_000) return;
    this.#failedAt = performance.now();
    const level = this.#lanes.size > 0 ? "warn" : "debug";
    this.#options.logger[level]({ err }, "the queue of webhooks cannot be used, will try again");
  }
}

/** The attempt at a delivery whose stored event makes no frame. */
const unreadable: Attempt = {
  outcome: "dead",
  cause: "request_invalid",
  status: undefined,
  ms: 0,
  error: "The event cannot be read.",
  responseHead: undefined,
  retryAfterMs: undefined,
};
