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
  readonly onClaimed: (ids: readonly string[]) => Promise<void>;
  /** The webhooks of this node that have nothing to do, with the numbers of their last deliveries. */
  readonly idle: () => readonly { readonly id: string; readonly tail: number }[];
  /** Called when leases were given up. */
  readonly onReleased: (ids: readonly string[]) => void;
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
      try {
        if (await this.#options.queue.beat(this.#node, this.#first)) {
          const held = this.hold;
          this.#provedAt = began;
          this.#first = false;
          if (!held) this.#options.onHold();
        } else this.#lose();
      } catch (error) {
        this.#options.onFailure(error);
        if (!this.#first && !this.hold) this.#lose();
      }
      await this.#pause(this.#first ? 500 : beatMs);
    }
  }

  #lose(): void {
    this.#node = randomUUID();
    this.#first = true;
    this.#provedAt = Number.NEGATIVE_INFINITY;
    this.#options.onLost();
  }

  async #claimOn(): Promise<void> {
    const { queue, idle, onClaimed, onReleased, onFailure } = this.#options;
    while (!this.#closing.signal.aborted) {
      try {
        if (this.hold) {
          for (let ids = await queue.claim(this.#node); ids.length > 0; ids = await queue.claim(this.#node)) {
            await onClaimed(ids);
          }
          onReleased(await queue.release(this.#node, idle()));
        }
      } catch (error) {
        onFailure(error);
      }
      await this.#pause(this.#first ? 100 : claimMs);
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closing.signal, ref: false }).catch(() => {});
  }
}
