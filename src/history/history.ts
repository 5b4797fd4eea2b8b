/**
 * The port of the history: the last events of the instances and accounts that somebody follows, each with a position. A
 * consumer that connects again names the position of its last event, and gets every event since then.
 *
 * A position is a place in one total order of the events of all instances. Within one epoch it is a sequence number, which only
 * grows. The history of another epoch has other numbers, so a position of another epoch is refused.
 */

import type { BusGap, Event } from "../bus/bus.js";

/** Whose events are followed: one instance, or with an empty `instanceId` all instances of an account. */
export interface HistoryScope {
  readonly accountId: string;
  readonly instanceId: string;
}

/** An event in the history. */
export interface Kept {
  /** The number of the event in the total order. Two events of one epoch never have the same number. */
  readonly sequence: number;
  readonly event: Event;
  /** The position of the event as a consumer gets it: at most 64 visible ASCII characters. */
  readonly position: string;
}

/** How much is kept, as `hello` says it. */
export interface HistoryReach {
  /** Most events of an instance. */
  readonly events: number;
  readonly seconds: number;
}

/**
 * Why a consumer cannot go on after a position. `malformed`: the text is no position. `another_history`: the position is of
 * another epoch, or of no event yet. `expired`: the history no longer holds, or never held, each event since the position.
 * `away`: the history cannot be reached.
 */
export type ResumeRefusal = "malformed" | "another_history" | "expired" | "away";

export type Resume =
  /** `after` is the sequence number of the position. Read on with `Following.after`. */
  | { readonly after: number }
  /** From `from` on, in milliseconds since 1970, events may be missing. It is 0 when the text does not say. */
  | { readonly refusal: ResumeRefusal; readonly from: number };

/**
 * Gets the events of a scope in the order of their positions, each once. No consumer can go on after an event without a position: the
 * history is away, is only coming back, or lacks this event.
 */
export type FollowHandler = (event: Event, position: string | undefined) => void;

/** A scope that delivery follows, from `History.follow` to `stop`. */
export interface Following {
  /**
   * Resolves once the handler gets every event that any node publishes from then on, and `resume` knows everything that is kept.
   * Undefined when that is so already. Also resolves when the history is found to be away. Never rejects.
   */
  readonly inForce: Promise<void> | undefined;
  /**
   * The position up to which the handler was given everything. Undefined while the history is away or only coming back. It is a place in
   * the same order also when the scope had no event yet.
   */
  readonly position: string | undefined;
  /** Says whether a consumer can go on after a position, which a client sent. Its text is checked here. */
  resume(position: string): Resume;
  /**
   * Returns the events of the scope whose sequence number is greater than `sequence`, the oldest first, at most `max` of them. The
   * last event that the handler was given is the last one here too: when none is returned, the reader may join the events that the
   * handler gets. Undefined when some of the events are not kept any more. Takes no longer than to find and copy `max` events.
   */
  after(sequence: number, max: number): readonly Kept[] | undefined;
  /**
   * Delivery calls this with each event of the scope that the bus brings to this node. While the history is away, the handler gets the
   * event at once, without a position. Otherwise the handler gets the history's copy. When the history lacks the event, the handler gets
   * the event later, without a position, or consumers are told a gap.
   */
  heard(event: Event): void;
  /** The handler gets no more events. The events of the scope are kept for `HistoryReach.seconds` more. Call it once. */
  stop(): void;
}

/** Counts of the history of this node. The metrics read them at each scrape. */
export interface HistoryStats {
  /** Number of events that are kept now. */
  events: number;
  /** Bytes of memory that these events take. */
  bytes: number;
  /** Number of events that were dropped, by the limit that they exceeded. */
  readonly dropped: Record<DropReason, number>;
}

export type DropReason = "seconds" | "events" | "bytes";

/** Where an event stands in the history, for a producer that wants to know. */
export interface Placing {
  /** The position of the event, as consumers get it. Absent while the history has not stored the event. */
  position?: string | undefined;
}

export interface History {
  readonly stats: Readonly<HistoryStats>;
  /** Whether a consumer that connects to this node now can go on after a position of this history. */
  readonly available: boolean;
  /** How much is kept. Undefined while the history is away. */
  readonly reach: HistoryReach | undefined;
  /**
   * Publishing calls this with each event that this node accepts, in the order of acceptance. Never throws and never waits. Costs one
   * comparison while nobody follows anything. Sets the position in `placing` at once or before `kept` resolves, if somebody follows the
   * event.
   */
  take(event: Event, placing?: Placing): void;
  /** Number of events that this node has begun to store until now. */
  readonly taken: number;
  /**
   * Resolves when each event that `take` got until now is stored, or when it is found that the history is away, which takes three
   * seconds at most. Undefined when that is so already, and when none was taken after the first `since`. Never rejects.
   */
  kept(since: number): Promise<void> | undefined;
  /**
   * Begins to follow a scope. From now on its events are kept, on whichever node they are accepted. `handler` gets them when `take`
   * runs, or in a later turn of the event loop, and never within `follow`. Throws when the scope is followed on this node already.
   */
  follow(scope: HistoryScope, handler: FollowHandler): Following;
  /**
   * Sets the one listener; a second call replaces it. It hears of each span in which handlers of this node may not have been given an
   * event. Such an event does not come later.
   */
  watchGaps(listener: (gap: HistoryGap) => void): void;
  /** Keeps how a connection ended, for `HistoryReach.seconds`. `connection`: its id, a UUID. Never throws and never waits. */
  keepClose(connection: string, close: KeptClose): void;
  /** Resolves to how a connection of any node ended. Undefined when that is not known, and for a text that is no id. Never rejects. */
  closeOf(connection: string): Promise<KeptClose | undefined>;
  /** Drops everything that is kept, and waits for what is on its way. */
  close(): Promise<void>;
}

/** How a connection ended that the gateway closed. */
export interface KeptClose {
  /** Whose connection it was. Only its holder may be told. */
  readonly holder: string;
  readonly code: number;
  readonly reason: string;
  /** How many frames and bytes waited for the connection when its close was decided. */
  readonly waitingFrames: number;
  readonly waitingBytes: number;
}

/** Like a gap of the bus, but for the reason. */
export interface HistoryGap extends Omit<BusGap, "reason"> {
  readonly reason: string;
}
