/** What the driver writes down while it runs: every event, every connection's life, every span in which a node missed the bus. */

import type { EventType } from "../../src/domain/event-type.js";

/**
 * `unreached`: published, but other nodes may have missed it. `unstored`: refused because it could not be stored for
 * webhooks; sockets may have got it, and a webhook too, when the database failed in the middle of the commit. `error`:
 * refused, and published nowhere. `none`: the node went away before it answered.
 */
export type Answer = "ok" | "unreached" | "unstored" | "error" | "none";

/** One call, or one event of a batch. All times are milliseconds since 1970, of the machine that everything runs on. */
export interface Publication {
  readonly publisher: number;
  /** From 1, without a gap, per publisher and instance. */
  readonly n: number;
  readonly instance: number;
  readonly type: EventType;
  /** Whether the instance's filter takes the event. */
  readonly wanted: boolean;
  /** The node process that was called. */
  readonly process: number;
  readonly startedAt: number;
  /** Infinity until there is an answer. */
  answeredAt: number;
  answer: Answer;
  /** When the node accepted the event, by the id in the answer. Undefined without an answer. */
  acceptedAt?: number;
  /** The id in the answer. */
  id?: string;
  /** Counts the connections of the publisher. Only events of one connection have an order for webhooks. */
  readonly connection: number;
}

/** Names a publication. */
export interface Receipt {
  readonly instance: number;
  readonly publisher: number;
  readonly n: number;
}

/** One connection from its 101, or from its `hello`, to its end. */
export interface Life {
  /** A key of `dials`. */
  readonly kind: string;
  /** Undefined for a connection to all instances of the account. */
  readonly instance: number | undefined;
  readonly process: number;
  readonly dialledAt: number;
  readonly openedAt: number;
  /** In the order in which they came. */
  readonly received: Receipt[];
  /** How the client saw the connection end; undefined while it is open. */
  closed: End | undefined;
  /** Undefined for a plain socket, which is told nothing. */
  readonly told?: Told;
}

/** How a connection ended. */
export interface End {
  readonly at: number;
  /** The close code of a socket, or the status of a stream, such as `unavailable`. */
  readonly code: number | string;
  readonly reason: string;
  /** Whether the driver itself ended it. */
  readonly cut: boolean;
}

/** What a consumer of `eventwire.v1` was told beside its events. */
export interface Told {
  /** The filter in `hello`, then the filter in each `narrowed`. */
  readonly filters: FilterTold[];
  readonly gaps: GapTold[];
  /** The code in the frame `closing`. */
  closing: number | undefined;
  /** `resumed` in `hello`: undefined when the consumer presented no position. */
  resumed: boolean | undefined;
  /** Why the consumer could not go on after the position that it presented. */
  refusal: string | undefined;
  /** After which position the consumer would go on: that of the last frame that has one. Undefined when the last event had none. */
  position: string | undefined;
  /** Frames that contradict the contract. */
  readonly wrong: string[];
}

export interface FilterTold {
  /** The bits of the event types. */
  readonly types: number;
  /** How many events the consumer had got before. */
  readonly after: number;
  readonly at: number;
}

export interface GapTold {
  readonly reason: string;
  /** The node process that told it. */
  readonly process: number;
  readonly from: number;
  readonly until: number;
  /** Undefined when the gap may concern every instance of the connection. */
  readonly instance: number | undefined;
}

/** A span that a node process, or one of its workers, has logged: events of other nodes may have been missed. */
export interface Interruption {
  readonly process: number;
  readonly reason: string;
  readonly from: number;
  /** Infinity when the process ended within it. */
  until: number;
}

/** A node process, or one of its workers, was killed or has ended. */
export interface Death {
  readonly process: number;
  /** When the signal was sent. */
  readonly at: number;
  /** When the driver saw that it was gone. On a busy machine a killed process keeps its connections for a while. */
  goneAt: number;
}

export interface Fault {
  readonly kind: string;
  readonly at: number;
  /** When everything was as before. Undefined until then, and for a fault that needs no mending. */
  mendedAt?: number;
}

export interface Books {
  /** By instance, then by publisher; number `n` stands at index `n - 1`. */
  readonly published: ReadonlyMap<number, readonly Publication[]>[];
  readonly lives: readonly Life[];
  /** Of each consumer that goes on after its last position: all its connections, in their order. */
  readonly resuming: readonly (readonly Life[])[];
  readonly interruptions: readonly Interruption[];
  readonly deaths: readonly Death[];
  /** Node processes that are several workers: nobody outside can tell which of them has a socket, or was given a call. */
  readonly severalWorkers: ReadonlySet<number>;
  /** In order of time. */
  readonly faults: readonly Fault[];
}
