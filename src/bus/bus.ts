/**
 * The bus carries events from the node that accepted them to every node with sockets for them. It is the only way into
 * delivery.
 */

import type { EventId } from "../domain/event-id.js";
import type { EventType } from "../domain/event-type.js";

/** Half-open byte range in `Event.data`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The place of the media of a `message.exchange` in its data. */
export interface MediaSlot {
  /** The ranges to leave out so that the inline `base64` member is gone, with its comma. */
  readonly cuts: readonly ByteRange[];
  /** Size of the decoded inline media in bytes; 0 when there is no inline media. */
  readonly inlineBytes: number;
  /** The offset at which a `"base64":"…"` member may be inserted: just after the `{` of the media object. */
  readonly insertAt: number;
  /** Whether the media object has other members, so that an inserted member needs a comma after it. */
  readonly hasOthers: boolean;
}

export interface Event {
  /** Minted once, by the node that accepted the event; the same on every node. */
  readonly id: EventId;
  /** When it was accepted, in milliseconds since 1970. Not the time in `id`, which never goes back though the clock may. */
  readonly time: number;
  readonly instanceId: string;
  readonly type: EventType;
  /** A checked JSON object as UTF-8 text. Its bytes stand unchanged in the frame. */
  readonly data: Uint8Array;
  /** Present for a `message.exchange` that has a media object. */
  readonly slot?: MediaSlot | undefined;
  /** The media as raw bytes. It is encoded only if at least one socket gets it. It needs a `slot`. */
  readonly media?: Uint8Array | undefined;
}

export type EventHandler = (event: Event) => void;

export interface Subscription {
  /**
   * Resolves when every event that is published from then on, on whatever node, reaches the handler; undefined when
   * that is so already. While the bus is away it resolves too: events of other nodes come when it is back. Never rejects.
   */
  readonly inForce: Promise<void> | undefined;
  stop(): void;
}

/** Counts of the traffic between nodes, read when metrics are scraped. All are zero on a node without others. */
export interface BusStats {
  /** Events sent to other nodes. */
  sent: number;
  /** Events that no other node wanted. They were neither encoded nor sent. */
  unwanted: number;
  /** Events that other nodes may have missed, because the bus was away; their publisher was told. */
  unreached: number;
  /** Events that came from other nodes. */
  received: number;
  /** Events of other nodes that never came, found by a gap in their numbers. */
  missed: number;
  /** Interruptions: spans in which this node may have missed events of other nodes, because the bus was away. */
  interruptions: number;
  interruptedMs: number;
  /** How often the bus reported that this node takes its events too slowly. */
  slowConsumer: number;
}

export interface Bus {
  readonly stats: Readonly<BusStats>;
  /**
   * Hands an event to every subscriber, on this node before it returns: at most once each, in order per instance and
   * publisher. Returns whether there is a subscriber on this node. Throws AppError EVENT_TOO_LARGE_FOR_BUS; then nobody
   * gets it.
   */
  publish(event: Event): boolean;
  /**
   * Whether everything published until now has reached the bus for every other node that wants it. Undefined: there is
   * nothing to wait for. Never rejects.
   */
  flush(): Promise<boolean> | undefined;
  /** Subscribes the one handler of an instance. It also gets the events that this node published, exactly once. */
  subscribe(instanceId: string, handler: EventHandler): Subscription;
  /** The reason why other nodes cannot be reached. Undefined when they can be reached, and on a node without others. */
  trouble(): "unreachable" | undefined;
  /** Ends after the events under way. */
  close(): Promise<void>;
}
