/** Asks all workers, and remembers the counts of workers that do not answer any more. */

import type { Worker } from "node:cluster";
import type { Question, Report } from "./messages.js";

export interface WorkerQueries {
  /** The answers of those that answered in time; counts are of all, and of those that have ended. */
  ask(workers: Iterable<Worker>, question: Question): Promise<readonly Report[]>;
  answered(id: number, answer: Report): void;
  /** Tell it of each worker that ends. */
  ended(worker: Worker): Promise<void>;
}

const patienceMs = 2_000;

export function createWorkerQueries(options: {
  tell: (worker: Worker, id: number, question: Question) => void;
  /** The part of several reports that must stay in the sums although their workers have ended. */
  retire: (reports: readonly Report[]) => Promise<Report>;
}): WorkerQueries {
  /** The last counts of each worker. A sum must not fall because a worker answers late or has ended. */
  const counts = new Map<Worker, Report>();
  let retired: Report = [];
  const waiting = new Map<number, { worker: Worker; done: (answer: Report | undefined) => void }>();
  let lastId = 0;

  function ask(worker: Worker, question: Question): Promise<Report | undefined> {
    return new Promise((resolve) => {
      const id = ++lastId;
      const late = setTimeout(() => done(undefined), patienceMs);
      function done(answer: Report | undefined): void {
        clearTimeout(late);
        waiting.delete(id);
        resolve(answer);
      }
      waiting.set(id, { worker, done });
      options.tell(worker, id, question);
    });
  }

  async function count(worker: Worker): Promise<Report> {
    const report = await ask(worker, { about: "counts" });
    if (report !== undefined) counts.set(worker, report);
    return report ?? counts.get(worker) ?? [];
  }

  return {
    async ask(workers, question) {
      if (question.about === "counts") return [...(await Promise.all([...workers].map(count))), retired];
      await Promise.all([...workers].map((worker) => ask(worker, question)));
      return [];
    },

    answered: (id, answer) => waiting.get(id)?.done(answer),

    async ended(worker) {
      for (const one of [...waiting.values()]) if (one.worker === worker) one.done(undefined);
      const report = counts.get(worker);
      counts.delete(worker);
      if (report !== undefined) retired = await options.retire([retired, report]);
    },
  };
}
