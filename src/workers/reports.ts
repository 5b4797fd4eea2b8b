/** Gathers what all workers have counted, and keeps what those had counted that have ended. */

import type { Worker } from "node:cluster";
import type { Report } from "./messages.js";

export interface Reports {
  /** One of each worker that listens, and one of those that have ended. */
  gather(workers: Iterable<Worker>): Promise<readonly Report[]>;
  reported(id: number, report: Report): void;
  /** To be told of each worker that ends. */
  ended(worker: Worker): Promise<void>;
}

/** One that does not answer in time is taken as it was the last time: a sum must not fall because of it. */
const patienceMs = 2_000;

export function createReports(options: {
  ask: (worker: Worker, id: number) => void;
  /** Of several reports, what must be counted on though their workers have ended. */
  retire: (reports: readonly Report[]) => Promise<Report>;
}): Reports {
  const last = new Map<Worker, Report>();
  const waiting = new Map<number, (report: Report) => void>();
  let retired: Report = [];
  let asked = 0;

  function ask(worker: Worker): Promise<Report> {
    return new Promise((resolve) => {
      const id = ++asked;
      const late = setTimeout(() => done(last.get(worker) ?? []), patienceMs);
      function done(report: Report): void {
        clearTimeout(late);
        waiting.delete(id);
        resolve(report);
      }
      waiting.set(id, (report) => {
        last.set(worker, report);
        done(report);
      });
      options.ask(worker, id);
    });
  }

  return {
    async gather(workers) {
      const reports = await Promise.all([...workers].map(ask));
      return [...reports, retired];
    },
    reported: (id, report) => waiting.get(id)?.(report),
    async ended(worker) {
      const report = last.get(worker);
      last.delete(worker);
      if (report !== undefined) retired = await options.retire([retired, report]);
    },
  };
}
