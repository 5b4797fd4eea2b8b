/**
 * Reads waiting deliveries for many lanes in one question to the database. Lanes wait in a queue while the events in
 * memory hold too many bytes. Lanes whose receivers hang have a budget of their own, so the others do not wait for them.
 */

import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import type { WaitingDelivery, WebhookQueue } from "../store/webhook-queue.js";
import type { Lane } from "./lane.js";
import type { MemoryCount } from "./requests-under-way.js";

/** Fewest and most lanes in one question. */
const lanesMin = 4;
const lanesMax = 64;
/** After an answer with more bytes, the next question is for the fewest lanes. Otherwise it is for twice as many. */
const answerBytesMax = 4 * 1024 * 1024;
/** Most lanes of receivers that hang in one question. The others in it do not depend on them. */
const slowLanesMax = 16;
/** Most deliveries that one lane gets at once. */
const deliveriesMax = 32;
/** With more bytes of events in memory, no lane gets deliveries. */
const heldBytesMax = 64 * 1024 * 1024;
/** With more bytes of events in requests that hang, no lane whose receiver let a request hang gets deliveries. */
const hangingBytesMax = 64 * 1024 * 1024;
const retryMs = 500;

export class Fetcher implements MemoryCount {
  readonly #queue: WebhookQueue;
  readonly #onFailure: (error: unknown) => void;
  readonly #hungry = new Set<Lane>();
  /** Lanes that are hungry too, and whose receivers let requests hang. */
  readonly #slow = new Set<Lane>();
  #running = false;
  #closed = false;
  #heldBytes = 0;
  #hangingBytes = 0;
  /** Lanes in the next question. Few at first, because an event may have some megabytes. */
  #lanesMax = lanesMin;

  constructor(queue: WebhookQueue, onFailure: (error: unknown) => void) {
    this.#queue = queue;
    this.#onFailure = onFailure;
  }

  get hasRoom(): boolean {
    return this.#heldBytes <= heldBytesMax;
  }

  add(lane: Lane): void {
    (lane.isSlow ? this.#slow : this.#hungry).add(lane);
    this.#start();
  }

  held(bytes: number): void {
    this.#heldBytes += bytes;
    if (bytes < 0) this.#start();
  }

  hanging(bytes: number): void {
    this.#hangingBytes += bytes;
    if (bytes < 0) this.#start();
  }

  close(): void {
    this.#closed = true;
    this.#hungry.clear();
    this.#slow.clear();
  }

  #start(): void {
    const isHungry = this.#hungry.size > 0 || this.#slow.size > 0;
    if (!this.#running && isHungry && this.hasRoom) void this.#run();
  }

  /** Takes the lanes that get deliveries next out of their queues. */
  #next(): Lane[] {
    if (!this.hasRoom || this.#closed) return [];
    const slow =
      this.#hangingBytes <= hangingBytesMax ? take(this.#slow, Math.min(slowLanesMax, this.#lanesMax / 2)) : [];
    return [...slow, ...take(this.#hungry, this.#lanesMax - slow.length)];
  }

  async #run(): Promise<void> {
    this.#running = true;
    await nextTurn();
    for (let lanes = this.#next(); lanes.length > 0; lanes = this.#next()) {
      try {
        const found = await this.#queue.fetch(
          lanes.map((lane) => lane.wanted),
          deliveriesMax,
        );
        const bytes = found.reduce((sum, delivery) => sum + delivery.bytes, 0);
        this.#lanesMax = bytes > answerBytesMax ? lanesMin : Math.min(2 * this.#lanesMax, lanesMax);
        deal(lanes, found);
      } catch (error) {
        this.#onFailure(error);
        for (const lane of lanes) lane.failed();
        await delay(retryMs);
        for (const lane of lanes) lane.work();
      }
    }
    this.#running = false;
  }
}

/** Takes the lanes that have waited longest. */
function take(queue: Set<Lane>, count: number): Lane[] {
  const taken: Lane[] = [];
  for (const lane of queue) {
    if (taken.length >= count) break;
    queue.delete(lane);
    taken.push(lane);
  }
  return taken;
}

function deal(lanes: readonly Lane[], found: readonly WaitingDelivery[]): void {
  const byWebhook = new Map<string, WaitingDelivery[]>();
  for (const delivery of found) {
    const own = byWebhook.get(delivery.webhookId);
    if (own === undefined) byWebhook.set(delivery.webhookId, [delivery]);
    else own.push(delivery);
  }
  for (const lane of lanes) {
    const own = byWebhook.get(lane.webhook.id) ?? [];
    // Fewer than were asked for may also mean that their events were too large, so only an empty answer is the end.
    lane.give(own, own.length === 0);
  }
}
