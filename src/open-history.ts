/** Opens the history that fits the settings. */

import type { Logger } from "pino";
import { type NatsChoice, natsConnection } from "./bus/nats-choice.js";
import type { NodeTalk } from "./bus/node-talk.js";
import type { History } from "./history/history.js";
import type { HistoryLimits } from "./history/history-log.js";
import { openJetStreamHistory } from "./history/jetstream-history.js";
import { createMemoryHistory } from "./history/memory-history.js";
import { openJournal } from "./history/open-journal.js";
import { UnableNodes } from "./history/unable-nodes.js";
import type { Settings } from "./settings/settings.js";

/** Room for what an event takes in the stream beside its data and media, in bytes. */
const beside = 1024 * 1024;

/** Opens the history of a node that runs alone. Returns undefined when the settings switch the history off. */
export function openMemoryHistory(settings: Settings): History | undefined {
  const limits = limitsOf(settings);
  return limits && createMemoryHistory(limits);
}

/**
 * Opens the history that nodes share. Waits two seconds at most for JetStream. Resolves to undefined when the settings switch the
 * history off; then no other node keeps one while this node is on the bus. Never rejects.
 */
export async function openNatsHistory(
  settings: Settings,
  logger: Logger,
  { way, subjectPrefix: prefix }: NatsChoice,
  talk: NodeTalk,
): Promise<History | undefined> {
  const limits = limitsOf(settings);
  if (limits === undefined) {
    // The events of this node would be missing in the history of the other nodes.
    new UnableNodes(talk, () => {}).declare();
    return undefined;
  }
  const { seconds } = limits;
  const bytes = streamBytes(settings);
  const replicas = settings.historyReplicas;
  return openJetStreamHistory({
    talk,
    openJournal: async () => openJournal({ connection: natsConnection(way), prefix, seconds, bytes, replicas }),
    limits,
    logger,
  });
}

/** Returns how many bytes the stream of the history may take. It must hold the largest event. */
export function streamBytes({ historyBytes, publishMaxBytes }: Settings): number {
  return Math.max(historyBytes, publishMaxBytes + beside);
}

export function keepsHistory({ historySeconds, historyEvents, historyBytes }: Settings): boolean {
  return historySeconds > 0 && historyEvents > 0 && historyBytes > 0;
}

function limitsOf(settings: Settings): HistoryLimits | undefined {
  const { historySeconds: seconds, historyEvents: events, historyBytes: bytes } = settings;
  return keepsHistory(settings) ? { seconds, events, bytes } : undefined;
}
