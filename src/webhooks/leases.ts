/**
 * Keeps the leases of this node: proves that the node lives, claims webhooks that nobody works, and gives up those with
 * nothing to do. A node that could not prove that it lives sends nothing more, because another node may have taken over.
 */

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { WebhookQueue } from "../store/webhook-queue.js";

/** How often the node proves that it lives, in milliseconds. */
const beatMs = 2_000;
/** How long leases are trusted after the last proof began, in milliseconds. The database lets them end after 10 s. */
const trustMs = 7_000;
/** How often webhooks are claimed that no living node works, in milliseconds. */
const claimMs = 2_000;

export interface LeasesOptions {
  readonly queue: WebhookQueue;
  /** Resolves when the database can be used for the first time. Until then nothing is leased. */
  readonly begun: Promise<void>;
  /** Called with the ids of webhooks that this node has claimed. */
  readonly onClaimed: (ids: readonly string[]) => void;
  /**
   * Ends the work on webhooks that have nothing to do, and returns their ids with the numbers of their last deliveries.
   * The work ends before the lease is given up, because a delivery that comes later may find the webhook leased anew.
   */
  readonly takeIdle: () => readonly { readonly id: string; readonly tail: number }[];
  /** Called with the ids of webhooks without work whose leases this node may still have. */
  readonly onKept: (ids: readonly string[]) => void;
  /** Called now and then while the leases hold. */
  readonly onBeat: () => void;
  /** Called when leases hold again that were not trusted for a while. */
  readonly onHold: () => void;
  /** Called when all leases are lost. From now on the node has another id, and begins without leases. */
  readonly onLost: () => void;
  readonly onFailure: (error: unknown) => void;
}

export class Leases {
  readonly #options: LeasesOptions;
  #node = randomUUID() as string;
  #first = true;
  /** When the last proof that succeeded began, on the clock of `performance.now()`. */
  #provedAt = Number.NEGATIVE_INFINITY;
  /** Ends the leases when no further proof comes in time. */
  #end: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();
  readonly #done: Promise<unknown>;

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** The id under which this node leases webhooks. */
  get node(): string {
    return this.#node;
  }

  /** Whether this node may send requests for its webhooks. */
  get hold(): boolean {
    return performance.now() - this.#provedAt < trustMs;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#end);
    await this.#done;
    if (!this.#first) await this.#options.queue.leave(this.#node).catch(this.#options.onFailure);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const closed = new Promise<void>((done) => signal.addEventListener("abort", () => done()));
    // When the database can never be used, the node ends for that reason, and leases nothing before.
    await Promise.race([closed, this.#options.begun.catch(() => closed)]);
    await Promise.all([this.#beatOn(), this.#claimOn()]);
  }

  async #beatOn(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const began = performance.now();
      const node = this.#node;
      try {
        const lives = await this.#options.queue.beat(node, this.#first);
        // While the database did not answer, the leases may have ended.
        if (node === this.#node && lives) this.#prove(began);
        else if (node === this.#node) this.#lose();
      } catch (error) {
        this.#options.onFailure(error);
      }
      await this.#pause(this.#first ? 500 : beatMs);
    }
  }

  #prove(began: number): void {
    const held = this.hold;
    this.#provedAt = began;
    this.#first = false;
    clearTimeout(this.#end);
    // Another node may take over soon after, so the requests under way must end then, also while a proof is under way.
    this.#end = setTimeout(() => this.#lose(), trustMs - (performance.now() - began));
    this.#end.unref();
    if (!held) this.#options.onHold();
  }

  #lose(): void {
    clearTimeout(this.#end);
    this.#node = randomUUID();
    this.#first = true;
    this.#provedAt = Number.NEGATIVE_INFINITY;
    this.#options.onLost();
  }

  async #claimOn(): Promise<void> {
    const { queue, onClaimed, onBeat, onFailure } = this.#options;
    while (!this.#closing.signal.aborted) {
      try {
        if (this.hold) {
          for (let ids = await queue.claim(this.#node); ids.length > 0; ids = await queue.claim(this.#node)) {
            onClaimed(ids);
          }
          onBeat();
          await this.#releaseIdle();
        }
      } catch (error) {
        onFailure(error);
      }
      await this.#pause(this.#first ? 100 : claimMs);
    }
  }

  async #releaseIdle(): Promise<void> {
    const { queue, takeIdle, onKept } = this.#options;
    const kept = new Map(takeIdle().map((webhook) => [webhook.id, webhook]));
    try {
      for (const id of await queue.release(this.#node, [...kept.values()])) kept.delete(id);
    } finally {
      onKept([...kept.keys()]);
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closing.signal, ref: false }).catch(() => {});
  }
}
