/** The messages that the primary process and its workers send each other. */

import type { Change } from "../directory/synced-directory.js";

/** The metrics of one worker. Only `src/observability/metrics.ts` knows what the objects hold. */
export type Report = readonly object[];

/** A question that one worker asks the other workers, through the primary process. */
export type Question =
  | { readonly about: "counts" }
  /** Each asked worker applies the change to its directory before it answers. */
  | { readonly about: "change"; readonly change: Change };

export type FromWorker =
  /** Says that the worker can now receive messages from the primary process. */
  | { readonly says: "here" }
  | { readonly says: "listening" }
  /** The worker cannot start, or cannot go on. `message` is a sentence for the operator. */
  | { readonly says: "failed"; readonly message: string }
  | { readonly says: "ask"; readonly id: number; readonly question: Question }
  | { readonly says: "answer"; readonly id: number; readonly answer: Report };

export type ToWorker =
  | { readonly says: "stop" }
  | { readonly says: "question"; readonly id: number; readonly question: Question }
  /** The answers to a worker's question, from the workers that answered in time. */
  | { readonly says: "answers"; readonly id: number; readonly answers: readonly Report[] };

/** The environment variable in which the primary process gives a worker its `Place`, as JSON. */
export const placeVariable = "EVENTWIRE_WORKER";

export interface Place {
  /** The number of the worker, from 1. A worker that replaces a dead one gets the dead one's number. */
  readonly slot: number;
  /** The nats-server that the primary process runs for its workers: see `NatsServer`. Absent when NATS_URL is set. */
  readonly nats?: { readonly name: string; readonly addressFile: string } | undefined;
}
