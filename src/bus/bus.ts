/** How events travel from who publishes them to the hubs that have a socket for them. The only way into a hub. */

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
  readonly instanceId: string;
  readonly type: EventType;
  /** A checked JSON object as UTF-8 text. Its bytes stand unchanged in the frame. */
  readonly data: Uint8Array;
  /** Present for a `message.exchange` that has a media object. */
  readonly slot?: MediaSlot | undefined;
  /** The media as raw bytes, encoded only if somebody gets it. Needs a `slot`. */
  readonly media?: Uint8Array | undefined;
}

export type Handler = (event: Event) => void;

export interface Bus {
  /** Fire and forget, at most once, in order per instance and publisher. Never throws. */
  publish(event: Event): void;
  /** Whether an event of this instance would reach anybody: found out before any of it is built. */
  hasSubscriber(instanceId: string): boolean;
  /** At most one handler per instance. It also hears what this node published, exactly once. Returns the way to stop. */
  subscribe(instanceId: string, handler: Handler): () => void;
  close(): Promise<void>;
}
