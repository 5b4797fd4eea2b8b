/** A scope that delivery of this node follows, and the events of the scope that come over the bus and from the journal. */

import type { Event } from "../bus/bus.js";
import type { FollowHandler, HistoryScope, Kept } from "./history.js";
import { type Came, type Heard, Matching } from "./matching.js";

/** Where consumers get their events from: see `Feeding`. */
export interface FeedState {
  /** Whether they get the events from the journal. */
  readonly isThere: boolean;
  /** Whether they get positions too. */
  readonly hasPositions: boolean;
}

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

  /** Takes an event that the bus brought. */
  heard(event: Event, isThere: boolean, came: Came): Heard {
    if (isThere && !this.isKnown) return "dropped";
    const heard = this.#matching.heard(event, isThere);
    if (heard === "handed") this.#handler(event, undefined);
    return heard === "lacked" && came(event) ? "dropped" : heard;
  }

  /**
   * Takes an event of the journal. Returns a time: a consumer that goes on later may miss an event that was accepted at this time or
   * later, or get such an event twice. Undefined when there is no such event.
   */
  fed({ event, position }: Kept, { isThere, hasPositions }: FeedState, came: Came): number | undefined {
    const overtaken = this.#handOver(this.#matching.overtaken(event, came));
    const fed = this.#matching.fed(event, isThere);
    if (fed === "handed") this.#handler(event, hasPositions ? position : undefined);
    return overtaken ?? (fed === "disordered" || (fed === "late" && hasPositions) ? event.time : undefined);
  }

  /** Hands over the events that still wait for the journal, without positions. Returns their number. */
  release(came: Came): number {
    const events = this.#matching.release(came);
    this.#handOver(events);
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

  /** See `Matching.awaitJournal`. While a scope has no consumers, nobody got the bus's copies. So its first consumer gets the journal's. */
  awaitJournal(): void {
    if (this.mayHaveConsumers) this.#matching.awaitJournal();
    else this.#matching.forgetUnplaced();
  }

  /** See `Matching.awaitsJournal`. */
  get awaitsJournal(): boolean {
    return this.#matching.awaitsJournal;
  }

  /** See `Matching.endAwaiting`. */
  endAwaiting(): void {
    this.#matching.endAwaiting();
  }

  /** Hands over what `Matching.overdue` returns. Returns the time at which the first of these events was accepted, if there is one. */
  overdue(looks: number, came: Came): number | undefined {
    return this.#handOver(this.#matching.overdue(looks, came));
  }

  /** Hands over events without positions. Returns the time at which the first of them was accepted, if there is one. */
  #handOver(events: readonly Event[]): number | undefined {
    let first: number | undefined;
    for (const event of events) {
      this.#handler(event, undefined);
      first = earlier(first, event.time);
    }
    return first;
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
  get anyAwaitsBus(): boolean {
    return [...this].some(({ awaitsBus }) => awaitsBus);
  }

  /** Whether all nodes know of all scopes that may have consumers. */
  get areKnown(): boolean {
    return [...this].every(({ isKnown, mayHaveConsumers }) => isKnown || !mayHaveConsumers);
  }

  /** Does what `Matching.awaitsJournal` says for all scopes. */
  get anyAwaitsJournal(): boolean {
    return [...this].some(({ awaitsJournal }) => awaitsJournal);
  }

  /** Does what `FollowedScope.overdue` says for all scopes. */
  overdue(looks: number, came: Came): number | undefined {
    let first: number | undefined;
    for (const followed of this) first = earlier(first, followed.overdue(looks, came));
    return first;
  }

  /** Gives an event of the journal to the scopes that the event belongs to. Returns what `FollowedScope.fed` says. */
  feed(kept: Kept, state: FeedState, came: Came): number | undefined {
    const { accountId, instanceId } = kept.event;
    const ofInstance = this.#scopes.get(`${accountId}.${instanceId}`)?.fed(kept, state, came);
    return earlier(ofInstance, this.#scopes.get(`${accountId}.`)?.fed(kept, state, came));
  }
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

function keyOf({ accountId, instanceId }: HistoryScope): string {
  return `${accountId}.${instanceId}`;
}
