/**
 * The bus carries each event from the node that accepted it to every node with sockets for it. Delivery gets events
 * only from the bus.
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
  /** Ranges of `Event.data` that a frame leaves out. Each range holds a `base64` member and one comma beside it. */
  readonly cuts: readonly ByteRange[];
  /** Decoded size, in bytes, of the media that the data holds as base64. 0 when the data holds no media. */
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
   * When it happened, as the producer said, in milliseconds since 1970, and before the year 10000. Undefined when the
   * producer did not say.
   */
  readonly occurredAt?: number | undefined;
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
   * encoded as base64 only when a socket gets it.
   */
  readonly media?: Uint8Array | undefined;
}

export type EventHandler = (event: Event) => void;

export interface Subscription {
  /**
   * Resolves once the handler gets every event that any node publishes from then on. Undefined when the handler gets
   * them already. Also resolves while the bus is away: then events of other nodes come only after its return. Never
   * rejects.
   */
  readonly inForce: Promise<void> | undefined;
  stop(): void;
}

/**
 * Counts of the events that travel between nodes. The metrics read them at each scrape. They stay zero on a node that
 * runs alone.
 */
export interface BusStats {
  /** Number of events that this node sent to other nodes. */
  sent: number;
  /** Number of events that no other node wanted. This node neither encoded nor sent them. */
  unwanted: number;
  /**
   * Number of events that other nodes may have missed, because the bus was away. The answers to their publishers said
   * so.
   */
  unreached: number;
  /** Number of events that this node received from other nodes. */
  received: number;
  /** Number of events of other nodes that this node never received. A gap in their numbers shows the loss. */
  missed: number;
  /**
   * Number of interruptions: spans in which this node may have missed events of other nodes, because the bus was away.
   */
  interruptions: number;
  interruptedMs: number;
  /** Number of times that the bus reported this node as a slow consumer, which reads its events too slowly. */
  slowConsumer: number;
}

/** A span in which events of other nodes may have been lost on their way to this node. Both times in milliseconds since 1970. */
export interface BusGap {
  /** `bus_interrupted`: the bus was away. `bus_lost`: a number is missing in what another node has sent. */
  readonly reason: "bus_interrupted" | "bus_lost";
  /** Events that were accepted before this time are not missing. */
  readonly from: number;
  /** Events that were accepted after this time are not missing. */
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
   * Hands an event to the subscribers of its instance on all nodes. The subscriber on this node gets the event before
   * `publish` returns. Each subscriber gets an event at most once, and the events of one publisher and instance in
   * order. Returns whether this node has a subscriber. Throws AppError EVENT_TOO_LARGE_FOR_BUS; then no subscriber gets
   * the event.
   */
  publish(event: Event): boolean;
  /**
   * Resolves to whether all events that this node published until now have reached the bus, for every other node that
   * wants them. Undefined when no event is on its way to the bus. Never rejects.
   */
  flush(): Promise<boolean> | undefined;
  /**
   * Sets the handler of an instance. A node may have one handler for an instance. The handler gets the events of all
   * nodes, and each event that this node publishes exactly once.
   */
  subscribe(instance: Pick<Instance, "id" | "accountId">, handler: EventHandler): Subscription;
  /**
   * Sets the handler of an account, which gets the events of all instances of the account. A node may have one handler
   * for an account. An event whose instance has a handler too reaches both handlers, each once.
   */
  subscribeAccount(accountId: string, handler: EventHandler): Subscription;
  /**
   * Tells whether a node of an older release is on the bus, which knows no subscriptions of accounts. The events of such
   * a node do not reach the handlers of accounts. The bus knows it while a subscription of an account is in force.
   */
  hasOlderNodes(): boolean;
  /**
   * Sets the one listener. While an account is subscribed to, the listener is called within a second after a node of an
   * older release has joined. A second call replaces the first listener.
   */
  watchOlderNodes(listener: () => void): void;
  /** Why this node cannot reach other nodes. Undefined when it can reach them, and when it runs alone. */
  trouble(): "unreachable" | undefined;
  /** Closes the bus, after the events that are already on their way have been sent. */
  close(): Promise<void>;
}
