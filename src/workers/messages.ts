/** The messages between the primary process and its workers. */

import type { Change } from "../directory/synced-directory.js";

/** What a worker has counted; only `src/observability/metrics.ts` knows what is in it. */
export type Report = readonly object[];

/** A question of one worker to the others. */
export type Question =
  | { readonly about: "counts" }
  /** A change that must be in force before the answer. */
  | { readonly about: "change"; readonly change: Change };

export type FromWorker =
  /** The worker now hears messages. */
  | { readonly says: "here" }
  | { readonly says: "listening" }
  /** The worker cannot start or cannot go on: a sentence for the operator. */
  | { readonly says: "failed"; readonly message: string }
  | { readonly says: "ask"; readonly id: number; readonly question: Question }
  | { readonly says: "answer"; readonly id: number; readonly answer: Report };

export type ToWorker =
  | { readonly says: "stop" }
  | { readonly says: "question"; readonly id: number; readonly question: Question }
  /** The answers of the workers that answered in time. */
  | { readonly says: "answers"; readonly id: number; readonly answers: readonly Report[] };

/** The environment variable in which a worker finds its own data, as JSON. */
export const placeVariable = "EVENTWIRE_WORKER";

export interface Place {
  /** From 1, and given again to the worker that takes the place of a dead one. */
  readonly slot: number;
  /** The nats-server of the primary process; absent where there is a NATS_URL. See `NatsServer`. */
  readonly nats?: { readonly name: string; readonly addressFile: string } | undefined;
}
