/**
 * Publishes events. Each event is checked, accepted with an id and a time, and handed to the bus, to all other sinks,
 * and, when a webhook wants it, to the outbox.
 */

import type { Bus } from "../bus/bus.js";
import type { Directory, Entry } from "../directory/directory.js";
import { AppError } from "../domain/errors.js";
import { createIdMint, type EventId } from "../domain/event-id.js";
import { type EventType, eventTypeRule, isEventType } from "../domain/event-type.js";
import type { Principal } from "../domain/instance.js";
import { jsonRule } from "../json/json-error.js";
import { checkEventData, type EventFacts } from "./event-data.js";
import type { AcceptedEvent, EventReceipt, Keeper, Outbox, Sink } from "./sinks.js";

export interface EventInput {
  /** The name of an event type. Any other name is refused with INVALID_REQUEST_BODY. */
  readonly event: string;
  /** The data of the event: UTF-8 text that should be a JSON object. Publishing checks it: see `checkEventData`. */
  readonly data: Uint8Array;
  /**
   * Raw media, only for a `message.exchange` whose data has a media object. With media, any other event is refused with
   * INVALID_REQUEST_BODY.
   */
  readonly media?: Uint8Array | undefined;
  /**
   * When the thing that the event tells of happened, as the producer says, in milliseconds since 1970. It is not
   * compared with the node's clock.
   */
  readonly occurredAt?: number | undefined;
}

/** An event that passed all checks and is not accepted yet. */
export interface CheckedEvent {
  readonly entry: Entry;
  readonly type: EventType;
  readonly input: EventInput;
  readonly facts: EventFacts;
}

/** What this node had counted before some events were published. */
export interface Mark {
  /** `Outbox.taken`. */
  readonly taken: number;
  /** `Keeper.taken`. */
  readonly kept: number;
  /** `unreached` in the counts of the bus. */
  readonly unreached: number;
}

/** What became of published events. */
export interface Reached {
  /** False when other nodes that want the events may not have got them. */
  readonly otherNodes: boolean;
  /** False when webhooks that want the events do not get them. */
  readonly webhooks: boolean;
}

export interface PublishingStats {
  /** Number of events that this node accepted. */
  published: number;
  /**
   * Number of accepted events for which this node had no handler: no socket here was open on the instance or its
   * account.
   */
  withoutClient: number;
}

export interface Publishing {
  readonly stats: Readonly<PublishingStats>;
  /**
   * Publishes an event for an instance of the principal's account, and returns the id of the event. Returns at once for
   * an event of usual size, and a promise for a large event, whose data is checked in slices of 128 KiB. A caller that
   * wants its events in order waits for each promise. Throws or rejects with AppError INSTANCE_NOT_FOUND,
   * EVENT_TOO_LARGE, EVENT_TOO_LARGE_FOR_BUS, INVALID_REQUEST_BODY, BUS_UNREACHABLE, WEBHOOK_QUEUE_FULL or
   * STORE_EVENT_FAILED; then nothing was published.
   */
  publish(
    principal: Principal,
    instance: string,
    input: EventInput,
    receipt?: EventReceipt,
  ): EventId | Promise<EventId>;
  /** Does what `publish` does, for an instance that the caller has found already. */
  publishTo(entry: Entry, input: EventInput, receipt?: EventReceipt): EventId | Promise<EventId>;
  /**
   * Does the checks of `publishTo` and publishes nothing. Returns a promise for a large event. Throws or rejects with
   * AppError EVENT_TOO_LARGE or INVALID_REQUEST_BODY.
   */
  check(entry: Entry, input: EventInput): CheckedEvent | Promise<CheckedEvent>;
  /**
   * Accepts and publishes an event that was checked, and returns its id. Throws AppError EVENT_TOO_LARGE_FOR_BUS,
   * BUS_UNREACHABLE, WEBHOOK_QUEUE_FULL or STORE_EVENT_FAILED; then nothing was published.
   */
  accept(event: CheckedEvent, receipt?: EventReceipt): EventId;
  /**
   * How many sockets on this node would get an event of this type for the instance now. 0 for an unknown type. Sockets
   * on other nodes are not counted.
   */
  takers(entry: Entry, type: string): number;
  /** Call `mark` before you publish events, and give its result to `reached` after that. */
  mark(): Mark;
  /**
   * Resolves to what became of the events that were published since `mark`: whether they have reached the other nodes
   * that want them, and whether they are stored for webhooks. Undefined when all of that is so already. It also waits
   * until the history has the events that it keeps, so that a consumer finds each answered event after this node has died.
   * When BUS_OUTAGE is `refuse`, rejects with BUS_UNREACHABLE when other nodes were not reached; when WEBHOOK_OUTAGE is
   * `refuse`, rejects with STORE_EVENT_FAILED when events were not stored. Then sockets may have got the events.
   */
  reached(mark: Mark): Promise<Reached> | undefined;
}

/**
 * What publishing does while other nodes cannot be reached. `accept`: the event goes to the sockets of this node.
 * `refuse`: the event is refused with BUS_UNREACHABLE.
 */
export type BusOutage = "accept" | "refuse";

export function createPublishing(options: {
  directory: Directory;
  bus: Bus;
  /** Undefined when no history is kept. */
  keeper?: Keeper | undefined;
  /** The other sinks. Each event goes to the bus first, then to the keeper, and then to these sinks in this order. */
  sinks: readonly Sink[];
  outbox: Outbox;
  /** Largest size of an event's data and media together, in bytes. */
  publishMaxBytes: number;
  busOutage: BusOutage;
  /** Counts the sockets of an instance and of its account on this node whose filter takes events of this type. */
  takers: (entry: Entry, type: EventType) => number;
}): Publishing {
  const { directory, bus, keeper, sinks, outbox, publishMaxBytes, takers } = options;
  const refuses = options.busOutage === "refuse";
  const stats: PublishingStats = { published: 0, withoutClient: 0 };
  const mintId = createIdMint();

  function tooLarge(): AppError {
    return new AppError("EVENT_TOO_LARGE", {
      rule: `data and media must be at most ${publishMaxBytes} bytes together`,
    });
  }

  /**
   * Whether no event was missed by other nodes since `mark`. `flushed` alone does not say so: a call that waited for the
   * bus before may have been told already of an event that was published since `mark`.
   */
  function reachedNodes(flushed: boolean, { unreached }: Mark): boolean {
    const reached = flushed && bus.stats.unreached === unreached;
    if (!reached && refuses) throw new AppError("BUS_UNREACHABLE");
    return reached;
  }

  function requireType({ event, data, media }: EventInput): EventType {
    if (data.length + (media?.length ?? 0) > publishMaxBytes) throw tooLarge();
    if (!isEventType(event)) throw unknownType(event);
    return event;
  }

  function publishTo(entry: Entry, input: EventInput, receipt?: EventReceipt): EventId | Promise<EventId> {
    const type = requireType(input);
    const facts = checked(type, input.data);
    if (facts instanceof Promise) return facts.then((found) => accept(entry, type, input, found, receipt));
    return accept(entry, type, input, facts, receipt);
  }

  function check(entry: Entry, input: EventInput): CheckedEvent | Promise<CheckedEvent> {
    const type = requireType(input);
    const facts = checked(type, input.data);
    const event = (found: EventFacts): CheckedEvent => {
      requirePlace(input, found);
      return { entry, type, input, facts: found };
    };
    return facts instanceof Promise ? facts.then(event) : event(facts);
  }

  function accept(
    to: Entry,
    type: EventType,
    input: EventInput,
    facts: EventFacts,
    receipt: EventReceipt | undefined,
  ): EventId {
    requirePlace(input, facts);
    const { data, media, occurredAt } = input;
    const { slot, reported } = facts;
    if (refuses && bus.trouble() !== undefined) throw new AppError("BUS_UNREACHABLE");
    const webhooks = to.webhooks === undefined ? 0 : outbox.takers(to, type);
    const time = Date.now();
    const id = mintId(time);
    const { id: instanceId, accountId } = to.instance;
    const event: AcceptedEvent = { id, time, occurredAt, accountId, instanceId, type, data, slot, media, reported };
    // The bus comes first, because only the bus may refuse an event.
    if (!bus.publish(event)) stats.withoutClient++;
    keeper?.take(event, receipt);
    for (const sink of sinks) sink.take(event);
    if (webhooks > 0) outbox.take(to, event);
    if (receipt !== undefined) receipt.webhooks = webhooks;
    stats.published++;
    return id;
  }

  return {
    stats,
    publishTo,
    check,
    accept: ({ entry, type, input, facts }, receipt) => accept(entry, type, input, facts, receipt),
    publish(principal, instance, input, receipt) {
      const entry = directory.instance(principal.accountId, instance);
      if (entry === undefined) throw new AppError("INSTANCE_NOT_FOUND");
      return publishTo(entry, input, receipt);
    },
    takers: (entry, type) => (isEventType(type) ? takers(entry, type) : 0),
    mark: () => ({ taken: outbox.taken, kept: keeper?.taken ?? 0, unreached: bus.stats.unreached }),
    reached(mark) {
      const stored = outbox.stored(mark.taken);
      const kept = keeper?.kept(mark.kept);
      const flushed = bus.flush() ?? (bus.stats.unreached === mark.unreached ? undefined : Promise.resolve(false));
      const toNodes = (reached: boolean): Reached => (reachedNodes(reached, mark) ? allReached : nodesMissed);
      if (stored === undefined && kept === undefined) return flushed?.then(toNodes);
      return Promise.all([flushed?.then(toNodes), stored, kept]).then(([nodes = allReached, webhooks = true]) => ({
        otherNodes: nodes.otherNodes,
        webhooks,
      }));
    },
  };
}

const allReached: Reached = { otherNodes: true, webhooks: true };
const nodesMissed: Reached = { otherNodes: false, webhooks: true };

/** The error for an unknown event type, in the words of the contract's own rule. */
function unknownType(type: string): AppError {
  const rule = type === "" ? "value is required" : eventTypeRule;
  return new AppError("INVALID_REQUEST_BODY", { field: "event", rule });
}

const noPlace = {
  field: "media",
  rule: "needs a message.exchange whose data has an object at message.media or media",
};

function requirePlace({ media }: EventInput, { slot }: EventFacts): void {
  if (media !== undefined && slot === undefined) throw new AppError("INVALID_REQUEST_BODY", noPlace);
}

function checked(type: EventType, data: Uint8Array): EventFacts | Promise<EventFacts> {
  try {
    const facts = checkEventData(type, data);
    return facts instanceof Promise ? facts.catch(refuseData) : facts;
  } catch (cause) {
    return refuseData(cause);
  }
}

function refuseData(cause: unknown): never {
  throw new AppError("INVALID_REQUEST_BODY", { cause, field: "data", rule: jsonRule(cause) });
}
