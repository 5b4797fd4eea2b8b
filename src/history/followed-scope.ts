/** A scope that delivery of this node follows, and the events of the scope that come over the bus and from the journal. */

import type { Event } from "../bus/bus.js";
import type { FollowHandler, HistoryScope, Kept } from "./history.js";
import { Matching } from "./matching.js";

export class FollowedScope {
  readonly scope: HistoryScope;
  /** Since which sequence number of the journal the events of the scope are kept. Undefined until that is known. */
  since: number | undefined;
  /** Whether the scope may have consumers. It has none until delivery was told once that the scope is in force. */
  mayHaveConsumers = false;
  readonly #handler: FollowHandler;
  readonly #matching = new Matching();
  /**
   * Whether all nodes know of this scope, so that every event that the bus brings must come from the journal too. Nodes may not have
   * known of the events that the bus brought before.
   */
  isKnown = false;

  constructor(scope: HistoryScope, handler: FollowHandler) {
    this.scope = scope;
    this.#handler = handler;
  }

  /** See `Matching.passed`. */
  passed(event: Event): void {
    this.#matching.passed(event);
  }

  /** Takes an event that the bus brought. Returns whether consumers may have got the event without a position. */
  heard(event: Event, isThere: boolean): boolean {
    if (isThere && !this.isKnown) return false;
    const isHanded = this.#matching.heard(event, isThere);
    if (isHanded) this.#handler(event, undefined);
    return isHanded && this.mayHaveConsumers;
  }

  /** Takes an event of the journal. */
  fed({ event, position }: Kept, isThere: boolean): void {
    if (this.#matching.fed(event, isThere)) this.#handler(event, position);
  }

  /** Hands over the events that still wait for the journal, without positions. Returns their number. */
  release(came: (event: Event) => boolean): number {
    const events = this.#matching.release(came);
    for (const event of events) this.#handler(event, undefined);
    return events.length;
  }

  /** Gives up the events that still wait for the journal, because some of them may be lost. */
  forget(): void {
    this.#matching.forget();
  }

  /** See `Matching.awaitsBus`. A scope without consumers awaits nothing. */
  get awaitsBus(): boolean {
    return this.mayHaveConsumers && this.#matching.awaitsBus;
  }

  /** See `Matching.giveUp`. A scope without consumers misses nothing: the first consumer begins after these events. */
  giveUp(): number | undefined {
    const from = this.#matching.giveUp();
    return this.mayHaveConsumers ? from : undefined;
  }

  /** See `Matching.overdue`. */
  overdue(looks: number, came: (event: Event) => boolean): number | undefined {
    return this.#matching.overdue(looks, came);
  }
}

/** The followed scopes of a node, by instance and by account. */
export class FollowedScopes {
  readonly #scopes = new Map<string, FollowedScope>();

  get size(): number {
    return this.#scopes.size;
  }

  [Symbol.iterator](): IterableIterator<FollowedScope> {
    return this.#scopes.values();
  }

  /** Throws when the scope is followed already. */
  add(followed: FollowedScope): void {
    const key = keyOf(followed.scope);
    if (this.#scopes.has(key)) throw new Error(`somebody follows ${key} already`);
    this.#scopes.set(key, followed);
  }

  delete({ scope }: FollowedScope): void {
    this.#scopes.delete(keyOf(scope));
  }

  /** Does what `Matching.awaitsBus` says for all scopes. */
  get awaitBus(): boolean {
    return [...this].some(({ awaitsBus }) => awaitsBus);
  }

  /** Whether all nodes know of all scopes. */
  get areKnown(): boolean {
    return [...this].every(({ isKnown }) => isKnown);
  }

  /** Does what `Matching.overdue` says for all scopes. */
  overdue(looks: number, came: (event: Event) => boolean): number | undefined {
    const overdue = [...this].map((followed) => followed.overdue(looks, came)).filter((from) => from !== undefined);
    return overdue.length === 0 ? undefined : Math.min(...overdue);
  }

  /** Gives an event of the journal to the scopes that the event belongs to. */
  feed(kept: Kept, isThere: boolean): void {
    const { accountId, instanceId } = kept.event;
    this.#scopes.get(`${accountId}.${instanceId}`)?.fed(kept, isThere);
    this.#scopes.get(`${accountId}.`)?.fed(kept, isThere);
  }
}

function keyOf({ accountId, instanceId }: HistoryScope): string {
  return `${accountId}.${instanceId}`;
}
