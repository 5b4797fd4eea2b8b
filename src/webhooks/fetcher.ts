/**
 * Reads waiting deliveries for many lanes in one question to the database. Lanes wait in a queue while the events in
 * memory hold too many bytes.
 */

import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import type { WaitingDelivery, WebhookQueue } from "../store/webhook-queue.js";
import type { Lane } from "./lane.js";

const lanesMax = 64;
/** Most deliveries that one lane gets at once. */
const deliveriesMax = 32;
/** With more bytes of events in memory, no lane gets deliveries. */
const heldBytesMax = 64 * 1024 * 1024;
const retryMs = 500;

export class Fetcher {
  readonly #queue: WebhookQueue;
  readonly #onFailure: (error: unknown) => void;
  readonly #hungry = new Set<Lane>();
  #running = false;
  #closed = false;
  #heldBytes = 0;

  constructor(queue: WebhookQueue, onFailure: (error: unknown) => void) {
    this.#queue = queue;
    this.#onFailure = onFailure;
  }

  add(lane: Lane): void {
    this.#hungry.add(lane);
    this.#start();
  }

  /** Notes that bytes came into memory or went out of it. */
  held(bytes: number): void {
    const wasFull = this.#heldBytes > heldBytesMax;
    this.#heldBytes += bytes;
    if (wasFull && this.#heldBytes <= heldBytesMax) this.#start();
  }

  close(): void {
    this.#closed = true;
    this.#hungry.clear();
  }

  #start(): void {
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    await nextTurn();
    while (this.#hungry.size > 0 && this.#heldBytes <= heldBytesMax && !this.#closed) {
      const lanes = [...this.#hungry].slice(0, lanesMax);
      for (const lane of lanes) this.#hungry.delete(lane);
      try {
        const found = await this.#queue.fetch(
          lanes.map((lane) => lane.wanted),
          deliveriesMax,
        );
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
