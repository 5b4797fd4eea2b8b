/**
 * Runs the lanes of all webhooks that this node works: makes a lane when the node gets a lease, gives it configuration
 * and deliveries, and sends its requests.
 */

import type { Logger } from "pino";
import type { FrameBuilder, FrameFormat } from "../delivery/frames/frame.js";
import type { Directory, Entry } from "../directory/directory.js";
import type { Append, Appended, WaitingDelivery, WebhookQueue } from "../store/webhook-queue.js";
import { Fetcher } from "./fetcher.js";
import { Lane, type LaneHost } from "./lane.js";
import { Leases } from "./leases.js";
import { Recorder } from "./recorder.js";
import type { RetrySchedule } from "./sender/retry-schedule.js";
import type { Attempt, WebhookSender, WebhookTarget } from "./sender/sender.js";
import { fromStored } from "./stored-event.js";

/** A lane with nothing to do gives up its webhook after this time, in milliseconds. */
const idleMsMax = 10_000;
/** How long a stop waits for requests under way, in milliseconds. Then they are cut, and sent again by another node. */
const stopMs = 5_000;

export interface EngineOptions {
  readonly queue: WebhookQueue;
  /** Resolves when the database can be used for the first time. */
  readonly begun: Promise<void>;
  readonly sender: WebhookSender;
  readonly schedule: RetrySchedule;
  readonly directory: Directory;
  readonly format: FrameFormat;
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
  readonly #lanes = new Map<string, Lane>();
  readonly #adopting = new Set<string>();
  /** Webhooks that this node has leased and could not read. */
  readonly #unread = new Set<string>();
  readonly #builders = new WeakMap<Entry["instance"], FrameBuilder>();
  readonly #recorder: Recorder;
  readonly #fetcher: Fetcher;
  readonly #leases: Leases;
  readonly #host: LaneHost;
  /** Aborted when the requests under way must be cut off. */
  #cut = new AbortController();
  #flying = 0;
  #closed = false;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { queue, schedule, failingMsMax } = options;
    const onFailure = (error: unknown) => this.#failed(error);
    this.#recorder = new Recorder({ queue, onFailure, onRoom: () => this.#workAll() });
    this.#fetcher = new Fetcher(queue, onFailure);
    this.#host = {
      failingMsMax,
      retryIn: (delivery) => schedule.next(delivery),
      maySend: () => this.#recorder.hasRoom && this.#leases.hold && !this.#closed,
      send: (lane, target, delivery) => this.#send(lane, target, delivery),
      record: (attempt, stored) => this.#recorder.add(attempt, stored),
      fetch: (lane) => this.#fetcher.add(lane),
      held: (bytes) => this.#fetcher.held(bytes),
      disable: (lane, reason) => void this.#disable(lane, reason),
    };
    this.#leases = new Leases({
      ...{ queue, begun: options.begun },
      onClaimed: (ids) => this.#adopt(ids),
      idle: () => this.#idle(),
      onReleased: (ids) => this.#dropAll(ids),
      onLost: () => this.#lose(),
      onHold: () => this.#workAll(),
      onFailure,
    });
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
    if (unknown.length > 0) this.#adopt(unknown).catch((error) => this.#failed(error));
  }

  hear({ kind, ids }: News): void {
    const lanes = ids.map((id) => this.#lanes.get(id)).filter((lane) => lane !== undefined);
    if (kind === "queued") for (const lane of lanes) lane.wake();
    else if (lanes.length > 0) this.#configure(lanes).catch((error) => this.#failed(error));
  }

  /** Reads the configuration of the webhooks of an instance anew. */
  reconfigure({ instance }: Entry): void {
    const lanes = [...this.#lanes.values()].filter(({ webhook }) => webhook.instanceId === instance.id);
    if (lanes.length > 0) this.#configure(lanes).catch((error) => this.#failed(error));
  }

  /** Drops the lanes of an instance that was deleted. */
  forget(instanceId: string): void {
    for (const [id, { webhook }] of this.#lanes) if (webhook.instanceId === instanceId) this.#drop(id);
  }

  /** Lets requests under way finish, stores their attempts, and gives up all leases. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#fetcher.close();
    const until = performance.now() + stopMs;
    while (this.#flying > 0 && performance.now() < until) await new Promise((done) => setTimeout(done, 20));
    this.#cut.abort();
    for (const lane of this.#lanes.values()) lane.close();
    await this.#recorder.close(stopMs);
    await this.#leases.close();
    await this.#options.sender.close();
  }

  async #adopt(ids: readonly string[]): Promise<void> {
    const unknown = ids.filter((id) => !this.#lanes.has(id) && !this.#adopting.has(id));
    for (const id of unknown) {
      this.#adopting.add(id);
      this.#unread.add(id);
    }
    const { node } = this;
    try {
      const found = await this.#options.queue.read(unknown);
      for (const id of unknown) this.#unread.delete(id);
      if (node !== this.node || this.#closed) return;
      for (const webhook of found) {
        const lane = new Lane(webhook, this.#host);
        this.#lanes.set(webhook.id, lane);
        lane.work();
      }
      await this.#giveUp(unknown.filter((id) => !this.#lanes.has(id)));
    } finally {
      for (const id of unknown) this.#adopting.delete(id);
    }
  }

  async #configure(lanes: readonly Lane[]): Promise<void> {
    const found = await this.#options.queue.read(lanes.map(({ webhook }) => webhook.id));
    const byId = new Map(found.map((webhook) => [webhook.id, webhook]));
    for (const lane of lanes) {
      const webhook = byId.get(lane.webhook.id);
      if (webhook === undefined) this.#drop(lane.webhook.id);
      else lane.configure(webhook);
    }
    await this.#giveUp(lanes.map(({ webhook }) => webhook.id).filter((id) => !byId.has(id)));
  }

  /** Gives up the leases of webhooks that are disabled, so that they are claimed again when they are enabled. */
  async #giveUp(ids: readonly string[]): Promise<void> {
    const leases = ids.map((id) => ({ id, tail: Number.MAX_SAFE_INTEGER }));
    await this.#options.queue.release(this.node, leases);
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
    const entry = this.#options.directory.instanceById(event.instanceId);
    if (entry === undefined) {
      this.#drop(lane.webhook.id);
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

  async #disable(lane: Lane, reason: string): Promise<void> {
    const { id, label, instanceId } = lane.webhook;
    this.#drop(id);
    try {
      await this.#options.queue.disable(id, reason);
      await this.#giveUp([id]);
      this.#options.logger.error({ instanceId, label, reason }, "webhook disabled");
    } catch (error) {
      this.#failed(error);
      await this.#adopt([id]);
    }
  }

  #idle(): { id: string; tail: number }[] {
    if (this.#unread.size > 0) this.#adopt([...this.#unread]).catch((error) => this.#failed(error));
    const idle = [...this.#lanes.values()].filter(({ idleMs }) => idleMs > idleMsMax);
    return idle.map(({ webhook, tail }) => ({ id: webhook.id, tail }));
  }

  #drop(id: string): void {
    this.#lanes.get(id)?.close();
    this.#lanes.delete(id);
  }

  #dropAll(ids: readonly string[]): void {
    for (const id of ids) this.#drop(id);
  }

  #lose(): void {
    this.#cut.abort();
    this.#cut = new AbortController();
    if (this.#lanes.size > 0) this.#options.logger.warn("leases of webhooks lost: the database was away for too long");
    this.#dropAll([...this.#lanes.keys()]);
    this.#unread.clear();
  }

  #workAll(): void {
    for (const lane of this.#lanes.values()) lane.work();
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

/** The deliveries that an append has made, by webhook, in the order of their numbers. */
function deliveriesOf(appends: readonly Append[], places: readonly Appended[]): Map<string, WaitingDelivery[]> {
  const made = new Map<string, WaitingDelivery[]>();
  const numbers = new Map(places.map(({ webhookId, before }) => [webhookId, before]));
  for (const { event, webhookIds } of appends) {
    const bytes = event.data.length + (event.media?.length ?? 0);
    for (const webhookId of webhookIds) {
      const before = numbers.get(webhookId);
      if (before === undefined) continue;
      const number = before + 1;
      numbers.set(webhookId, number);
      const delivery = { webhookId, number, event, attempts: 0, firstAt: undefined, dueAt: 0, bytes };
      const own = made.get(webhookId);
      if (own === undefined) made.set(webhookId, [delivery]);
      else own.push(delivery);
    }
  }
  return made;
}
