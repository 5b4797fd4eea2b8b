/** The primary process, as a worker sees it. */

import type { Change } from "../directory/synced-directory.js";
import type { FromWorker, Place, Question, Report, ToWorker } from "./messages.js";
import { placeVariable } from "./messages.js";

export interface Parent extends Place {
  listening(): void;
  /** Resolves when it is said. */
  fail(message: string): Promise<void>;
  /** Resolves when all other workers have brought the change into force, or have had their time. */
  follow(change: Change): Promise<void>;
  /** What all workers have counted, this one too. */
  counts(): Promise<readonly Report[]>;
  /** How this worker answers when another asks. */
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
      // One that cannot be told is gone, and this process with it.
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
    // One that could not be followed comes with the reading of everything.
    await follow(question.change).catch(() => {});
    return say({ says: "answer", id, answer: [] });
  }

  // Others speak on this channel too.
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
