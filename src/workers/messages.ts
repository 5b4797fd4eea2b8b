/**
 * The messages that the primary process and its workers send each other, and the place that a worker gets at its start.
 */

import type { Change } from "../directory/synced-directory.js";

/** The metrics of one worker. Only `src/observability/metrics.ts` knows what the objects hold. */
export type Report = readonly object[];

/**
 * A question that a worker asks other workers, through the primary process. About `counts`, the worker that asks is
 * asked too.
 */
export type Question =
  | { readonly about: "counts" }
  /**
   * Each asked worker applies the change to its directory and then answers. A worker that cannot read the change also
   * answers: it then reads the whole database anew.
   */
  | { readonly about: "change"; readonly change: Change };

export type FromWorker =
  /**
   * Says that the worker can now receive messages from the primary process. Before that, messages to the worker are
   * lost.
   */
  | { readonly says: "here" }
  | { readonly says: "listening" }
  /** The worker cannot start, or cannot go on, and ends. `message` is a sentence for the operator. */
  | { readonly says: "failed"; readonly message: string }
  | { readonly says: "ask"; readonly id: number; readonly question: Question }
  | { readonly says: "answer"; readonly id: number; readonly answer: Report };

export type ToWorker =
  | { readonly says: "stop" }
  | { readonly says: "question"; readonly id: number; readonly question: Question }
  /**
   * The answers to a worker's question. About `counts`, a worker that answered late or has ended is there with its last
   * counts. About `change`, the list is empty.
   */
  | { readonly says: "answers"; readonly id: number; readonly answers: readonly Report[] };

/** The environment variable in which the primary process gives a worker its `Place`, as JSON. */
export const placeVariable = "EVENTWIRE_WORKER";

export interface Place {
  /** The number of the worker, from 1. A worker that replaces a dead one gets the dead one's number. */
  readonly slot: number;
  /** The nats-server that the primary process runs for its workers: see `NatsServer`. Absent when NATS_URL is set. */
  readonly nats?: { readonly name: string; readonly addressFile: string } | undefined;
}
