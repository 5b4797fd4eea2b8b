/** The ports of the parts of a node that get the events which the node accepts: history, outbox and all others. */

import type { Event } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import type { EventType } from "../domain/event-type.js";
import type { EventFacts } from "./event-data.js";

/** An event that this node has accepted. Nothing in it changes from here on. */
export interface AcceptedEvent extends Event, Pick<EventFacts, "reported"> {}

/** A part of this node that gets every event that the node accepts. */
export interface Sink {
  /** Called with each event in the order of acceptance, before the producer gets its answer. Never throws. */
  take(event: AcceptedEvent): void;
}

/** What a producer learns of its event beside the id, when it asks. Publishing fills it in until `reached` resolves. */
export interface EventReceipt {
  /** Where the event stands in the history. Absent when nobody follows its instance, and while the history is away. */
  position?: string | undefined;
  /** For how many webhooks the event is stored, unless `Reached.webhooks` says otherwise. */
  webhooks?: number | undefined;
}

/** The part of this node that keeps events for consumers that come back. */
export interface Keeper {
  /** Takes each event that the node accepts. Never throws and never waits. Sets the position before `kept` resolves. */
  take(event: Event, receipt?: EventReceipt): void;
  /** Number of events that were taken to be kept until now. */
  readonly taken: number;
  /**
   * Resolves when all events that were taken after the first `since` are kept, or are known to be in no history.
   * Undefined when there is nothing to wait for. Never rejects.
   */
  kept(since: number): Promise<void> | undefined;
}

/** The part of this node that stores events for webhooks before their producers get an answer. */
export interface Outbox {
  /**
   * How many enabled webhooks of the instance take events of this type. Throws AppError WEBHOOK_QUEUE_FULL or
   * STORE_EVENT_FAILED when an event for them could not be stored; then the event must not be published at all.
   */
  takers(entry: Entry, type: EventType): number;
  /** Takes an event that a webhook wants. Never throws. */
  take(entry: Entry, event: Event): void;
  /** Number of events that were taken until now. */
  readonly taken: number;
  /**
   * Resolves to whether all events that were taken after the first `since` are stored. Undefined when none was taken
   * since. Rejects with STORE_EVENT_FAILED in place of false, unless WEBHOOK_OUTAGE is `accept`.
   */
  stored(since: number): Promise<boolean> | undefined;
}
