/** What the driver writes down while it runs: every event, every socket's life, every span in which a node missed the bus. */

/** `unreached`: published, but other nodes may have missed it. `none`: the node went away before it answered. */
export type Answer = "ok" | "unreached" | "error" | "none";

/** One call, or one event of a batch. All times are milliseconds since 1970, of the machine that everything runs on. */
export interface Publication {
  readonly publisher: number;
  /** From 1, without a gap, per publisher and instance. */
  readonly n: number;
  readonly instance: number;
  /** Whether the instance's filter takes it. */
  readonly wanted: boolean;
  /** The node process that it was given to. */
  readonly process: number;
  readonly startedAt: number;
  /** Infinity until there is an answer. */
  answeredAt: number;
  answer: Answer;
}

/** Names a publication within its instance. */
export interface Receipt {
  readonly publisher: number;
  readonly n: number;
}

/** One socket from its 101 to its end. */
export interface Life {
  readonly instance: number;
  readonly process: number;
  readonly openedAt: number;
  /** In the order in which they came. */
  readonly received: Receipt[];
  /** As the client saw it; undefined while it is open. */
  closed: { readonly at: number; readonly code: number } | undefined;
}

/** A span that a node process, or one of its workers, has logged: events of other nodes may have been missed. */
export interface Interruption {
  readonly process: number;
  readonly reason: string;
  readonly from: number;
  /** Infinity when the process ended within it. */
  until: number;
}

export interface Fault {
  readonly kind: string;
  readonly at: number;
}

export interface Books {
  /** By instance, then by publisher; number `n` stands at index `n - 1`. */
  readonly published: ReadonlyMap<number, readonly Publication[]>[];
  readonly lives: readonly Life[];
  readonly interruptions: readonly Interruption[];
  /** Node processes that are several workers: nobody outside can tell which of them has a socket, or was given a call. */
  readonly severalWorkers: ReadonlySet<number>;
  /** In order of time. */
  readonly faults: readonly Fault[];
}
