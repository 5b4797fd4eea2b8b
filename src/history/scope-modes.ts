/**
 * The scopes whose events the nodes keep, as far as this node knows. A node that follows a scope tells all nodes, again and again,
 * and every node believes that for some time. While this node may have missed such a message, it keeps every event.
 */

import type { HistoryScope } from "./history.js";

export class ScopeModes {
  readonly #believedMs: number;
  /** For each instance and each account: until when its events are kept, on the clock of `performance.now()`. */
  readonly #until = new Map<string, number>();
  #known = false;

  /** `believedMs`: how long a message is believed. It must be longer than the notes of the journal live. */
  constructor(believedMs: number) {
    this.#believedMs = believedMs;
  }

  /** Whether this node knows all scopes. */
  get known(): boolean {
    return this.#known;
  }

  /** Whether the events of an instance are kept, or must be kept because this node does not know. */
  keeps({ accountId, instanceId }: HistoryScope): boolean {
    if (!this.#known) return true;
    return this.#until.size > 0 && (this.#until.has(instanceId) || this.#until.has(accountId));
  }

  /** Whether it would be news to this node that a node follows the scope. */
  lacks(scope: HistoryScope): boolean {
    return this.#known && !this.#until.has(keyOf(scope));
  }

  /** Notes that a node follows a scope. */
  add(scope: HistoryScope): void {
    this.#until.set(keyOf(scope), performance.now() + this.#believedMs);
  }

  /** Notes that all scopes were added that this node may not have heard of. */
  learned(): void {
    this.#known = true;
  }

  /** Notes that messages may have been missed from now on. */
  doubt(): void {
    this.#known = false;
  }

  /** Forgets the scopes that nobody has followed for long. Call it about once a second. */
  expire(): void {
    const now = performance.now();
    for (const [key, until] of this.#until) if (until < now) this.#until.delete(key);
  }
}

function keyOf({ accountId, instanceId }: HistoryScope): string {
  return instanceId === "" ? accountId : instanceId;
}
