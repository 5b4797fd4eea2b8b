/** The settings of the history. They are rows of `setting-table.ts`. */

import { integer } from "./setting-kinds.js";

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

export const historySettingTable = {
  historySeconds: {
    env: "HISTORY_SECONDS",
    kind: integer(0, 86_400),
    fallback: 60,
    unit: "seconds",
    meaning:
      "How long an event is kept for consumers of `eventwire.v1` that connect again. Events are kept of an instance or account with such a consumer, and for this long after the last one left. 0 switches the history off.",
  },
  historyEvents: {
    env: "HISTORY_EVENTS",
    kind: integer(0, 10_000_000),
    fallback: 1_024,
    unit: "events",
    meaning: "Most events of one instance that are kept. 0 switches the history off.",
  },
  historyBytes: {
    env: "HISTORY_BYTES",
    kind: integer(0, 1024 * GiB),
    fallback: 64 * MiB,
    unit: "bytes",
    meaning:
      "Most memory that the kept events of all instances take in a process. With more, the oldest events are dropped, so an instance with many or large events shortens the history of every other instance. 0 switches the history off.",
  },
} as const;
