/** Opens the history that fits the settings. */

import type { History } from "./history/history.js";
import { createMemoryHistory } from "./history/memory-history.js";
import type { Settings } from "./settings/settings.js";

/** Returns undefined when no history is kept: it is switched off, or the node does not run alone. */
export function openHistory(settings: Settings, isAlone: boolean): History | undefined {
  const { historySeconds: seconds, historyEvents: events, historyBytes: bytes } = settings;
  if (!isAlone || seconds === 0 || events === 0 || bytes === 0) return undefined;
  return createMemoryHistory({ seconds, events, bytes });
}
