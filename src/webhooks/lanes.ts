/**
 * The lanes of the webhooks that this node has leased. Reads webhooks from the database, and begins, changes and ends
 * their lanes accordingly.
 */

import type { LeasedWebhook, WebhookQueue } from "../store/webhook-queue.js";
import type { Lane } from "./lane.js";

/** A lane with nothing to do gives up its webhook after this time, in milliseconds. */
const idleMsMax = 10_000;

export interface LanesOptions {
  readonly queue: WebhookQueue;
  /** The id under which this node leases webhooks now. */
  readonly node: () => string;
  readonly makeLane: (webhook: LeasedWebhook) => Lane;
  readonly onFailure: (error: unknown) => void;
}

export class Lanes {
  readonly #options: LanesOptions;
  readonly #lanes = new Map<string, Lane>();
  /** The webhooks that are being read, and those of them that were changed meanwhile. */
  readonly #reading = new Set<string>();
  readonly #changed = new Set<string>();
  /** Webhooks that could not be read. */
  readonly #unread = new Set<string>();
  #closed = false;

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#lanes.size;
  }

  get(id: string): Lane | undefined {
    return this.#lanes.get(id);
  }

  [Symbol.iterator](): Iterator<Lane> {
    return this.#lanes.values();
  }

  /** Begins the lanes of webhooks that this node has leased. */
  adopt(ids: readonly string[]): void {
    void this.#read(ids.filter((id) => !this.#lanes.has(id)));
  }

  /** Reads the webhook of a lane for `Lane.configure`. */
  readAgain({ webhook }: Lane): void {
    void this.#read([webhook.id]);
  }

  /** Tells lanes that their webhooks or deliveries were changed. */
  change(ids: readonly string[]): void {
    for (const id of ids) {
      this.#lanes.get(id)?.change();
      if (this.#reading.has(id)) this.#changed.add(id);
    }
  }

  /** Tells all lanes of an instance that their webhooks were changed. */
  changeInstance(instanceId: string, ids: readonly string[]): void {
    const own = [...this.#lanes.values()].filter(({ webhook }) => webhook.instanceId === instanceId);
    this.change([...new Set([...own.map(({ webhook }) => webhook.id), ...ids])]);
  }

  /** Ends the lane of a webhook. */
  drop(id: string): void {
    this.#lanes.get(id)?.close();
    this.#lanes.delete(id);
  }

  /** Ends the lanes of an instance that was deleted. */
  dropInstance(instanceId: string): void {
    for (const [id, { webhook }] of this.#lanes) if (webhook.instanceId === instanceId) this.drop(id);
  }

  /** Ends all lanes, and forgets which webhooks could not be read. */
  dropAll(): void {
    for (const id of this.#lanes.keys()) this.drop(id);
    this.#unread.clear();
  }

  /**
   * Ends the lanes that have had nothing to do for a while, so that their leases can be given up. A webhook that keeps
   * its lease must be adopted again.
   */
  takeIdle(): { id: string; tail: number }[] {
    const idle = [...this.#lanes.values()].filter(({ idleMs }) => idleMs > idleMsMax);
    for (const { webhook } of idle) this.drop(webhook.id);
    return idle.map(({ webhook, tail }) => ({ id: webhook.id, tail }));
  }

  /** Reads the webhooks that could not be read before. */
  retry(): void {
    void this.#read([...this.#unread]);
  }

  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) lane.close();
  }

  /** Never rejects. */
  async #read(ids: readonly string[]): Promise<void> {
    const asked = ids.filter((id) => !this.#reading.has(id));
    if (asked.length === 0) return;
    const { queue, onFailure } = this.#options;
    const node = this.#options.node();
    for (const id of asked) this.#reading.add(id);
    try {
      const found = await queue.read(node, asked);
      const isNode = node === this.#options.node();
      for (const id of asked) {
        this.#reading.delete(id);
        if (isNode) this.#unread.delete(id);
        else this.#unread.add(id);
      }
      if (isNode && !this.#closed) await this.#apply(node, asked, found);
    } catch (error) {
      for (const id of asked) {
        this.#reading.delete(id);
        this.#unread.add(id);
      }
      onFailure(error);
    }
  }

  async #apply(node: string, asked: readonly string[], found: readonly LeasedWebhook[]): Promise<void> {
    const left = new Set(asked);
    for (const webhook of found) {
      left.delete(webhook.id);
      const lane = this.#lanes.get(webhook.id);
      if (lane === undefined) this.#begin(webhook);
      else lane.configure(webhook);
      if (this.#changed.delete(webhook.id)) this.#lanes.get(webhook.id)?.change();
    }
    for (const id of left) {
      this.#changed.delete(id);
      this.drop(id);
    }
    // So a webhook that is disabled is claimed again when it is enabled.
    const leases = [...left].map((id) => ({ id, tail: Number.MAX_SAFE_INTEGER }));
    await this.#options.queue.release(node, leases);
  }

  #begin(webhook: LeasedWebhook): void {
    const lane = this.#options.makeLane(webhook);
    this.#lanes.set(webhook.id, lane);
    lane.work();
  }
}
