/** How a worker talks to the primary process that started it. */

import type { Change } from "../directory/synced-directory.js";
import type { FromWorker, Place, Question, Report, ToWorker } from "./messages.js";
import { placeVariable } from "./messages.js";

export interface Parent extends Place {
  /** Tells the primary process that this worker has opened its ports. */
  listening(): void;
  /**
   * Tells the primary process why this worker cannot start or go on. Resolves when the message is sent. The worker must
   * then end by itself.
   */
  fail(message: string): Promise<void>;
  /**
   * Asks all other workers to apply a change to their directories. Resolves when all of them have tried, or after two
   * seconds. Never rejects.
   */
  follow(change: Change): Promise<void>;
  /**
   * The metrics of all workers, including this one. For a worker that does not answer within two seconds, its last
   * metrics. A last report holds the sum for workers that have ended.
   */
  counts(): Promise<readonly Report[]>;
  /**
   * Sets the function that gives the counts of this worker when some worker asks for them. A second call replaces it.
   * Until the first call the counts are empty.
   */
  answerCounts(count: () => Promise<Report>): void;
  /**
   * Sets the function that applies a change of another worker to the directory of this one. A second call replaces it.
   */
  answerChanges(follow: (change: Change) => Promise<void>): void;
  /**
   * Sets the function that is called when the primary process orders this worker to stop. A second call replaces it.
   */
  onStop(stop: () => void): void;
}

/**
 * Connects this worker with its primary process, and tells it that this worker is here. Undefined in a process that no
 * primary process started. When the primary process ends, `node:cluster` ends the worker too.
 */
export function findParent(self: Omit<NodeJS.Process, "env">, env: NodeJS.ProcessEnv): Parent | undefined {
  const place = env[placeVariable];
  if (place === undefined || self.send === undefined) return undefined;
  const asked = new Map<number, (answers: readonly Report[]) => void>();
  let lastId = 0;
  let count = async (): Promise<Report> => [];
  let follow = async (_: Change): Promise<void> => {};
  let stop: () => void = () => {};

  function say(message: FromWorker): Promise<void> {
    return new Promise((resolve) => {
      // A failure to send is ignored: the primary process has ended then, and this process ends with it.
      self.send?.(message, undefined, {}, () => resolve());
    });
  }

  function ask(question: Question): Promise<readonly Report[]> {
    return new Promise((resolve) => {
      asked.set(++lastId, resolve);
      void say({ says: "ask", id: lastId, question });
    });
  }

  async function answer(id: number, question: Question): Promise<void> {
    if (question.about === "counts") return say({ says: "answer", id, answer: await count() });
    // An error is ignored, and the answer is sent all the same: when one change cannot be read, this worker reads the
    // whole database anew.
    await follow(question.change).catch(() => {});
    return say({ says: "answer", id, answer: [] });
  }

  // Other parts of the program use this channel too. Their messages have no `says`.
  self.on("message", (message: ToWorker | { readonly says?: undefined }) => {
    if (message.says === "stop") stop();
    else if (message.says === "question") void answer(message.id, message.question);
    else if (message.says === "answers") {
      asked.get(message.id)?.(message.answers);
      asked.delete(message.id);
    }
  });
  void say({ says: "here" });

  return {
    ...(JSON.parse(place) as Place),

    listening: () => void say({ says: "listening" }),
    fail: (message) => say({ says: "failed", message }),

    async follow(change) {
      await ask({ about: "change", change });
    },
    counts: () => ask({ about: "counts" }),

    answerCounts(handler) {
      count = handler;
    },
    answerChanges(handler) {
      follow = handler;
    },
    onStop(handler) {
      stop = handler;
    },
  };
}
