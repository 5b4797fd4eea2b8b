/** What the primary process and its workers say to each other. */

import type { Change } from "../directory/synced-directory.js";

/** What a worker has counted; only `src/observability/metrics.ts` knows what is in it. */
export type Report = readonly object[];

/** What one worker asks of others. */
export type Question =
  | { readonly about: "counts" }
  /** To be in force before it is answered. */
  | { readonly about: "change"; readonly change: Change };

export type FromWorker =
  /** It hears what it is told. */
  | { readonly says: "here" }
  | { readonly says: "listening" }
  /** It cannot start, or not go on: a sentence for the operator. */
  | { readonly says: "failed"; readonly message: string }
  | { readonly says: "ask"; readonly id: number; readonly question: Question }
  | { readonly says: "answer"; readonly id: number; readonly answer: Report };

export type ToWorker =
  | { readonly says: "stop" }
  | { readonly says: "question"; readonly id: number; readonly question: Question }
  /** Those of the workers that answered in time. */
  | { readonly says: "answers"; readonly id: number; readonly answers: readonly Report[] };

/** Where a worker finds, in its environment, what is its own: as JSON. */
export const placeVariable = "EVENTWIRE_WORKER";

export interface Place {
  /** From 1, and given again to the worker that takes the place of a dead one. */
  readonly slot: number;
  /** The nats-server of the primary process; absent where there is a NATS_URL. See `NatsServer`. */
  readonly nats?: { readonly name: string; readonly addressFile: string } | undefined;
}
