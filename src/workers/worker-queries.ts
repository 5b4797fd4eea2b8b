/**
 * Asks workers a question and gathers their answers. For counts it stands in for workers that answer late or have
 * ended.
 */

import type { Worker } from "node:cluster";
import type { Question, Report } from "./messages.js";

export interface WorkerQueries {
  /**
   * Asks each worker, and waits two seconds at most. For counts, returns the counts of each worker, its last counts
   * when it answers late, and the sum for workers that have ended. For a change, returns an empty list. Never rejects.
   */
  ask(workers: Iterable<Worker>, question: Question): Promise<readonly Report[]>;
  /** Call this when a worker has answered the question `id`. An answer that comes late is ignored. */
  answered(id: number, answer: Report): void;
  /**
   * Call this for each worker that ends. Questions to the worker then count as unanswered at once, and its last counts
   * join the sum for ended workers.
   */
  ended(worker: Worker): Promise<void>;
}

const patienceMs = 2_000;

export function createWorkerQueries(options: {
  tell: (worker: Worker, id: number, question: Question) => void;
  /** Sums reports, and keeps only the counts that must stay in later sums although the workers have ended. */
  retire: (reports: readonly Report[]) => Promise<Report>;
}): WorkerQueries {
  /** The last counts of each worker. They stand in for a worker that answers late, so that a sum never falls. */
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
