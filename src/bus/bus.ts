/** How events travel from who publishes them to the hubs that have a socket for them. The only way into a hub. */

import type { EventId } from "../domain/event-id.js";
import type { EventType } from "../domain/event-type.js";

/** Half-open byte range in `Event.data`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where the media of a `message.exchange` stands in its data. */
export interface MediaSlot {
  /** What to leave out of the data so that the inline `base64` member is gone, with its comma. */
  readonly cuts: readonly ByteRange[];
  /** Size of the inline media once decoded, in bytes; 0 when there is none. */
  readonly inlineBytes: number;
  /** Where a `"base64":"…"` member may be inserted once the cuts are made: just behind the `{` of the media object. */
  readonly insertAt: number;
  /** Whether the media object has other members, so that the inserted one needs a comma behind it. */
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
  /** The media as raw bytes, encoded only if somebody gets it. Needs a `slot`. */
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

/** Plain numbers, read when metrics are scraped. What goes on between nodes; all zero on a node that is alone. */
export interface BusStats {
  /** Events sent to other nodes. */
  sent: number;
  /** Events that no other node wanted: neither encoded nor sent. */
  unwanted: number;
  /** Events that other nodes may have missed, because the bus was away; their publisher was told. */
  unreached: number;
  /** Events that came from other nodes. */
  received: number;
  /** Events of other nodes that never came, found by a gap in their numbers. */
  missed: number;
  /** Spans in which events of other nodes may have been missed, because the bus was away. */
  interruptions: number;
  interruptedMs: number;
  /** The bus told that this node took its events too slowly. */
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
  /** At most one handler per instance. It also hears what this node published, exactly once. */
  subscribe(instanceId: string, handler: EventHandler): Subscription;
  /** Why other nodes cannot be reached; undefined when they can be, and on a node that is alone. */
  trouble(): "unreachable" | undefined;
  /** Takes what is under way, then ends. */
  close(): Promise<void>;
}
