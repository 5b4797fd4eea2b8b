/** The primary process from the view of a worker. */

import type { Change } from "../directory/synced-directory.js";
import type { FromWorker, Place, Question, Report, ToWorker } from "./messages.js";
import { placeVariable } from "./messages.js";

export interface Parent extends Place {
  listening(): void;
  /** Resolves when the message is sent. */
  fail(message: string): Promise<void>;
  /** Resolves when the change is in force in all other workers, or when their time is over. */
  follow(change: Change): Promise<void>;
  /** The counts of all workers, this one included. */
  counts(): Promise<readonly Report[]>;
  /** Sets how this worker answers the questions of others. */
  answerCounts(count: () => Promise<Report>): void;
  answerChanges(follow: (change: Change) => Promise<void>): void;
  onStop(stop: () => void): void;
}

/** Undefined in a process that no primary has started. A worker whose primary is gone ends: `node:cluster` sees to it. */
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
      // A primary that cannot be reached has ended, and this process ends with it.
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
    // A change that could not be followed comes with the next reading of everything.
    await follow(question.change).catch(() => {});
    return say({ says: "answer", id, answer: [] });
  }

  // Other parts send messages on this channel too.
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
