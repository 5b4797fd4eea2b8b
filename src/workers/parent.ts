/** The primary process, as a worker sees it. */

import type { FromWorker, Place, Report, ToWorker } from "./messages.js";
import { placeVariable } from "./messages.js";

export interface Parent extends Place {
  /** Resolves with the names of the workers that could be dialled before. */
  join(name: string): Promise<readonly string[]>;
  listening(): void;
  /** Resolves when it is said. */
  fail(message: string): Promise<void>;
  /** From now on this worker answers what it has counted. */
  reportWith(measure: () => Promise<Report>): void;
  /** Of all workers. */
  reports(): Promise<readonly Report[]>;
  onStop(stop: () => void): void;
}

/** Undefined in a process that no primary has started. A worker whose primary is gone ends: `node:cluster` sees to it. */
export function findParent(self: NodeJS.Process): Parent | undefined {
  const place = self.env[placeVariable];
  if (place === undefined || self.send === undefined) return undefined;
  const scrapes = new Map<number, (reports: readonly Report[]) => void>();
  let scraped = 0;
  let onJoined: (names: readonly string[]) => void = () => {};
  let measure: (() => Promise<Report>) | undefined;
  let stop: () => void = () => {};

  function say(message: FromWorker): Promise<void> {
    return new Promise((resolve) => {
      // One that can not be told is gone, and this process with it.
      self.send?.(message, undefined, {}, () => resolve());
    });
  }

  self.on("message", (message: Partial<ToWorker> & ToWorker) => {
    if (message.says === "joined") onJoined(message.names);
    else if (message.says === "stop") stop();
    else if (message.says === "measure") {
      void measure?.().then((report) => say({ says: "report", id: message.id, report }));
    } else if (message.says === "reports") {
      scrapes.get(message.id)?.(message.reports);
      scrapes.delete(message.id);
    }
  });

  return {
    ...(JSON.parse(place) as Place),

    join(name) {
      return new Promise((resolve) => {
        onJoined = resolve;
        void say({ says: "join", name });
      });
    },

    listening: () => void say({ says: "listening" }),
    fail: (message) => say({ says: "failed", message }),

    reportWith(make) {
      measure = make;
    },

    reports() {
      return new Promise((resolve) => {
        scrapes.set(++scraped, resolve);
        void say({ says: "scrape", id: scraped });
      });
    },

    onStop(handler) {
      stop = handler;
    },
  };
}
