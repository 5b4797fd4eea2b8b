/**
 * Decides when a new connection of the service port is handled: one in each turn of the event loop, from one address
 * after the other. An address whose client made calls only to reset them is handled slowly for a while. Node.js makes a
 * stream of every call in a read before our code hears of the first call. So thousands of new connections at once would
 * leave Node.js with a million streams to collect as garbage.
 */

import { FairQueue, type Task } from "./fair-queue.js";
import type { ServiceLimits } from "./limits.js";

/**
 * Most addresses that are remembered as slow. When there are more, the address that misbehaved longest ago is
 * forgotten.
 */
const addressesMax = 1_024;

interface Slow {
  /** Until when the address is handled slowly, in milliseconds of `performance.now()`. */
  readonly until: number;
  /** When the next connection of the address may be handled, in milliseconds of `performance.now()`. */
  next: number;
}

export class Newcomers {
  readonly #limits: ServiceLimits;
  readonly #queue = new FairQueue<string>(1);
  readonly #slow = new Map<string, Slow>();

  constructor(limits: ServiceLimits) {
    this.#limits = limits;
  }

  add(address: string, task: Task): void {
    const slow = this.#slow.get(address);
    const now = performance.now();
    if (slow === undefined || slow.until < now) {
      this.#queue.add(address, task);
      return;
    }
    const at = Math.max(now, slow.next);
    slow.next = at + this.#limits.slowConnectionMs;
    setTimeout(() => this.#queue.add(address, task), at - now);
  }

  /**
   * Handles new connections of this address slowly for a while. Call this method when a connection of the address was
   * ended for its resets.
   */
  slowDown(address: string): void {
    const now = performance.now();
    const next = this.#slow.get(address)?.next ?? now;
    this.#slow.delete(address);
    this.#slow.set(address, { until: now + this.#limits.slowMs, next });
    if (this.#slow.size <= addressesMax) return;
    for (const oldest of this.#slow.keys()) {
      this.#slow.delete(oldest);
      return;
    }
  }
}
