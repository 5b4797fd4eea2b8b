/**
 * The port of the bus, and the types that travel over it. The bus hands each accepted event to the handlers on this
 * node, and to the handlers on the other nodes that it reaches. Delivery gets events only from the bus.
 */

import type { EventId } from "../domain/event-id.js";
import type { EventType } from "../domain/event-type.js";
import type { Instance } from "../domain/instance.js";

/** A range of bytes in `Event.data`: `start` is the offset of its first byte, `end` the offset after its last byte. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where the media stands, or can be inserted, in the data of a `message.exchange`. All offsets count bytes. */
export interface MediaSlot {
  /**
   * Ranges of `Event.data` that a frame leaves out. Each range holds a `base64` member, and a comma beside it when
   * there is one.
   */
  readonly cuts: readonly ByteRange[];
  /**
   * Decoded size, in bytes, of the media that the data holds as base64. When the media object has several `base64`
   * members, the last one counts. 0 when there is none.
   */
  readonly inlineBytes: number;
  /** The offset just after the `{` of the media object. A frame inserts its `"base64":"…"` member there. */
  readonly insertAt: number;
  /** Whether the media object has members besides `base64`. A member inserted before them needs a comma. */
  readonly hasOthers: boolean;
}

export interface Event {
  /** The id of the event. The node that accepts the event makes the id, and every node uses the same id. */
  readonly id: EventId;
  /**
   * When a node accepted the event, in milliseconds since 1970. `id` also holds a time, which never goes back, even
   * when the clock is set back. So the time in `id` can be later than `time`.
   */
  readonly time: number;
  /**
   * When the thing that the event tells of happened, as the producer said, in milliseconds since 1970, and before the
   * year 10000. Undefined when the producer did not say.
   */
  readonly occurredAt?: number | undefined;
  /** The name of the node that accepted the event. Undefined on that node itself. */
  readonly origin?: string | undefined;
  /** The account of the instance. */
  readonly accountId: string;
  readonly instanceId: string;
  readonly type: EventType;
  /** The data of the event: a checked JSON object as UTF-8 text. A frame copies these bytes, apart from the media. */
  readonly data: Uint8Array;
  /** The place of the media in `data`. Only a `message.exchange` with a media object has a slot. */
  readonly slot?: MediaSlot | undefined;
  /**
   * The media as raw bytes, when the producer sent it apart from `data`. Such an event also has a `slot`. The media is
   * encoded as base64 only when a frame with media is built.
   */
  readonly media?: Uint8Array | undefined;
}

export type EventHandler = (event: Event) => void;

export interface Subscription {
  /**
   * Resolves once the handler gets every event that any node publishes from then on. Undefined when there is nothing to
   * wait for: on a node that runs alone, and while the bus is away. Also resolves when the bus goes away during the
   * wait. While the bus is away, the handler gets only the events of this node. Never rejects.
   */
  readonly inForce: Promise<void> | undefined;
  /** Takes the handler away. Call it once. */
  stop(): void;
}

/**
 * Counts of the bus: events between nodes, interruptions, and reports that this node is slow. The metrics read the
 * counts at each scrape. All of them stay zero on a node that runs alone.
 */
export interface BusStats {
  /** Number of events that this node sent to other nodes. */
  sent: number;
  /** Number of events that this node neither encoded nor sent, because no other node wanted them. */
  unwanted: number;
  /**
   * Number of events that other nodes may have missed, because the bus was away or could not take more. The answers to
   * their producers said that other nodes may not have got them.
   */
  unreached: number;
  /** Number of events that this node received from other nodes. */
  received: number;
  /**
   * Number of events of other nodes that did not reach this node, or that this node could not read. Missing numbers in
   * the series of another node show which events did not arrive. Events lost in an interruption are not counted.
   */
  missed: number;
  /**
   * Number of interruptions: spans in which this node may have missed events of other nodes, because the bus was away.
   */
  interruptions: number;
  /** Length of all interruptions that have ended, in milliseconds. */
  interruptedMs: number;
  /**
   * Number of times that NATS reported that this node reads its events too slowly. NATS calls such a node a slow
   * consumer.
   */
  slowConsumer: number;
}

/**
 * How much earlier than its arrival an event may have been accepted, by the clock of the node that accepted the event,
 * in milliseconds. The clocks of two nodes differ a little. The event travels for some milliseconds, and for seconds when
 * the node that accepted it has too much to do.
 */
export const travelMsMax = 5_000;

/**
 * A span in which events of other nodes may have been lost on their way to this node. Both times are in milliseconds
 * since 1970.
 */
export interface BusGap {
  /**
   * `bus_interrupted`: the bus was away from this node. `bus_lost`: the numbers of another node's events show that some
   * did not arrive, or an event could not be read, or another node tells of events that it accepted while the bus was
   * away from it.
   */
  readonly reason: "bus_interrupted" | "bus_lost";
  /**
   * Start of the span: no missing event was accepted before it. For `bus_interrupted`: `travelMsMax` before this node
   * asked the last question that the bus answered before it was away. For `bus_lost`: when the other node accepted the
   * last event before the missing ones, or the first of the missing events. For an event that cannot be read:
   * `travelMsMax` before it arrived.
   */
  readonly from: number;
  /**
   * End of the span. For `bus_interrupted`: when the bus was back. For `bus_lost`: when the other node accepted the next
   * event, which showed the loss, or when it told of the gap.
   */
  readonly until: number;
  /** How many events are missing, if that is known. */
  readonly missed?: number;
  /** The account whose events are missing. Absent when the gap may concern every account. */
  readonly accountId?: string;
  /** The instance whose events are missing. Absent when the gap may concern every instance of the account. */
  readonly instanceId?: string;
}

export interface Bus {
  readonly stats: Readonly<BusStats>;
  /** Sets the one listener, which hears of every gap as soon as its end is known. A second call replaces the first listener. */
  watchGaps(listener: (gap: BusGap) => void): void;
  /**
   * Hands an event to the handlers of its instance and of its account, on all nodes. The handlers on this node have got
   * the event when `publish` returns. A handler gets an event at most once, and gets the events of one node and
   * instance in order. Returns whether this node has a handler for the event. Throws AppError EVENT_TOO_LARGE_FOR_BUS;
   * then no handler gets the event.
   */
  publish(event: Event): boolean;
  /**
   * Resolves to true when each event that this node published until now has reached the bus, or was wanted by no other
   * node. Resolves to false when other nodes may miss one of them. Undefined when no event waits for the bus. Never
   * rejects.
   */
  flush(): Promise<boolean> | undefined;
  /**
   * Sets the handler of an instance. The handler gets the events of all nodes, and each event that this node publishes
   * exactly once. Throws when the instance has a handler on this node already.
   */
  subscribe(instance: Pick<Instance, "id" | "accountId">, handler: EventHandler): Subscription;
  /**
   * Sets the handler of an account, which gets the events of all instances of the account. When an event's instance has
   * a handler too, each of the two handlers gets the event once. Throws when the account has a handler on this node
   * already.
   */
  subscribeAccount(accountId: string, handler: EventHandler): Subscription;
  /**
   * Whether a node of an older release is on the bus. Such a node knows no subscriptions of accounts, so its events do
   * not reach the handlers of accounts. The answer is kept up to date only while an account is subscribed to; at other
   * times the last answer stays.
   */
  hasOlderNodes(): boolean;
  /**
   * Sets the one listener; a second call replaces it. The listener is called when a node of an older release joins
   * while an account is subscribed to, about a second later at most.
   */
  watchOlderNodes(listener: () => void): void;
  /** `unreachable` while this node cannot reach the bus. Undefined when it can, and when it runs alone. */
  trouble(): "unreachable" | undefined;
  /**
   * Closes the bus. Before that, waits until the events on their way have reached the bus, or until the bus is found to
   * be away.
   */
  close(): Promise<void>;
}
