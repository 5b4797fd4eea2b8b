/** What the primary process and its workers say to each other. */

/** What a worker has counted; only `src/metrics.ts` knows what is in it. */
export type Report = readonly object[];

export type FromWorker =
  /** It can be dialled by this name. */
  | { readonly says: "join"; readonly name: string }
  | { readonly says: "listening" }
  /** It can not start, or not go on: a sentence for the operator. */
  | { readonly says: "failed"; readonly message: string }
  /** Asks for the reports of all. */
  | { readonly says: "scrape"; readonly id: number }
  | { readonly says: "report"; readonly id: number; readonly report: Report };

export type ToWorker =
  /** Those that could be dialled before. */
  | { readonly says: "joined"; readonly names: readonly string[] }
  | { readonly says: "stop" }
  | { readonly says: "measure"; readonly id: number }
  | { readonly says: "reports"; readonly id: number; readonly reports: readonly Report[] };

/** Where a worker finds, in its environment, what is its own: as JSON. */
export const placeVariable = "EVENTWIRE_WORKER";

export interface Place {
  /** From 1, and given again to the worker that takes the place of a dead one. */
  readonly slot: number;
  /** For the sockets between the workers; only of this start, and open to nobody else. */
  readonly directory: string;
}
