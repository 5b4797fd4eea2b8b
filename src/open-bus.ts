/**
 * Opens the bus and the history that fit the settings: on NATS for workers and for a node with NATS_URL, in memory for any
 * other node. Also names the bus, so that two nodes can find out whether they share one.
 */

import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Bus, Event } from "./bus/bus.js";
import { createMemoryBus } from "./bus/memory-bus.js";
import { openNatsBus } from "./bus/nats-bus.js";
import type { NatsWay } from "./bus/nats-choice.js";
import type { Directory } from "./directory/directory.js";
import type { History } from "./history/history.js";
import { openMemoryHistory, openNatsHistory } from "./open-history.js";
import type { Settings } from "./settings/settings.js";
import type { Parent } from "./workers/parent.js";

export interface OpenBus {
  readonly bus: Bus;
  /** Undefined when the settings switch the history off. */
  readonly history: History | undefined;
  /** Closes the history and then the bus. */
  close(): Promise<void>;
}

export async function openBus(
  settings: Settings,
  logger: Logger,
  directory: Directory,
  parent?: Parent,
): Promise<OpenBus> {
  const way = wayToNats(settings, parent);
  if (way === undefined) return joined(createMemoryBus(), openMemoryHistory(settings));
  const nats = { subjectPrefix: settings.natsSubjectPrefix, way };
  const bus = await openNatsBus({ nats, mayBeWanted: (event) => mayBeWanted(directory, event), logger });
  return joined(bus, await openNatsHistory(settings, logger, nats, bus.talk));
}

function joined(bus: Bus, history: History | undefined): OpenBus {
  return {
    bus,
    history,
    async close() {
      await history?.close();
      await bus.close();
    },
  };
}

/**
 * Returns how this process reaches NATS: over the nats-server that its primary process runs, else over NATS_URL.
 * Undefined when there is neither, because a single process needs no NATS.
 */
function wayToNats(settings: Settings, parent: Parent | undefined): NatsWay | undefined {
  if (parent?.nats !== undefined) return { addressFile: parent.nats.addressFile };
  if (settings.natsUrl === undefined) return undefined;
  return {
    servers: settings.natsUrl,
    user: settings.natsUser,
    password: settings.natsPassword,
    token: settings.natsToken,
    nkeyFile: settings.natsNkeyFile,
    credsFile: settings.natsCredsFile,
    tlsCa: settings.natsTlsCa,
    tlsCert: settings.natsTlsCert,
    tlsKey: settings.natsTlsKey,
  };
}

/**
 * Returns the name of the bus. It is the same in all processes that exchange events. Processes that have a NATS_URL and
 * the same subject prefix are assumed to use the same NATS.
 */
export function busName(settings: Settings, parent?: Parent): string {
  if (parent?.nats !== undefined) return parent.nats.name;
  return settings.natsUrl === undefined ? `alone ${randomUUID()}` : `nats ${settings.natsSubjectPrefix}`;
}

/**
 * Whether another node may have sockets for this event. Only the filter of an enabled configuration can rule that out.
 * While the channel is disabled, open sockets keep the last enabled filter, which is not stored. When the channel is
 * not configured here, another node may have heard of a first configuration some milliseconds earlier.
 */
function mayBeWanted(directory: Directory, { instanceId, type }: Event): boolean {
  const websocket = directory.instanceById(instanceId)?.websocket;
  if (websocket === undefined || !websocket.enabled) return true;
  return websocket.events.length === 0 || websocket.events.includes(type);
}
